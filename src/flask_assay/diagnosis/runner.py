"""Run every audit; whatever happens to one of them is a labelled result."""

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.view import Given, UnavailableError, View
from flask_assay.audits.audit import Audit, NotApplicableError, State
from flask_assay.model.finding import AuditResult, Finding, Outcome, Severity

__all__ = ["allowed_by", "run_audits"]


def run_audits(
    view: View, audits: Iterable[Audit], allow: Mapping[str, str]
) -> tuple[AuditResult, ...]:
    """Return one result per audit.

    Args:
        view: The recording's artifacts.
        audits: Which ones to run.
        allow: "audit:GET /route" or "audit:key" and the reason why it may stay; what it allows
            is named in the result's notes and is no finding.
    """
    every = tuple(audits)
    allowed: list[Finding] = []
    results = tuple(_run(view, audit, allow, allowed) for audit in every)
    results = tuple(
        _without_effects(result, audit.meta.effect_of, results, allowed)
        for audit, result in zip(every, results, strict=True)
    )
    others = [
        finding
        for audit, result in zip(every, results, strict=True)
        for finding in result.findings
        if not audit.meta.is_fallback
    ]
    covered = _Covered()
    covered.add([*others, *allowed])
    kept = []
    for audit, result in zip(every, results, strict=True):
        kept.append(_without(result, covered) if audit.meta.is_fallback else result)
        covered.add(kept[-1].findings)  # a further one of these is told by the first
    return tuple(kept)


def allowed_by(finding: Finding, allow: Mapping[str, str]) -> str | None:
    """Return the entry that allows a finding: all of its routes, or its key; None if none."""
    by_key = f"{finding.audit}:{finding.key}"
    if by_key in allow:
        return by_key
    entries = [f"{finding.audit}:{route}" for route in finding.routes]
    if entries and all(entry in allow for entry in entries):
        return entries[0]
    return None


def _run(view: View, audit: Audit, allow: Mapping[str, str], allowed: list[Finding]) -> AuditResult:
    audit_id = audit.meta.audit_id
    is_preview = audit.meta.state is State.PREVIEW
    try:
        found = audit.run(Given(view, audit.meta.needs))
    except (UnavailableError, NotApplicableError) as error:
        return AuditResult(audit_id, Outcome.NOT_APPLICABLE, reason=str(error))
    except Exception as error:  # noqa: BLE001  (a crash in one audit is a result, never an abort)
        return AuditResult(audit_id, Outcome.ERROR, reason=f"{type(error).__name__}: {error}")
    notes = ["preview: shown, never gating"] if is_preview else []
    kept: list[Finding] = []
    if counted_requests in audit.meta.needs:
        found = [_with_basis(finding, view[counted_requests].earlier_counts) for finding in found]
    for finding in _unique(found):
        entry = allowed_by(finding, allow)
        if entry is None:
            kept.append(_capped(finding) if is_preview else finding)
        else:
            allowed.append(finding)
            notes.append(f"allowed: {finding.title} ({entry}: {allow[entry]})")
    return AuditResult(audit_id, _outcome(kept), tuple(kept), notes=tuple(notes))


class _Covered:
    """Statements that findings name, whether these are shown or allowed: one cause, one finding.

    A statement counts as named in any order of its words and with any constants, as conditions
    that an app keeps in a set come in a new order each time; and so does another of the same
    tables at the same line, as the count beside a page.
    """

    def __init__(self) -> None:
        self._statements: set[tuple[str, ...]] = set()
        self._lines: set[tuple[str, int, frozenset[str]]] = set()

    def add(self, findings: Iterable[Finding]) -> None:
        """Take note of what findings name."""
        for finding in findings:
            for sql in filter(None, (finding.sql, *finding.further_sql)):
                self._statements.add(_words(sql))
                self._lines |= _line(finding, sql)

    def has(self, finding: Finding) -> bool:
        """Whether another finding names the statement of this one."""
        is_named = _words(finding.sql) in self._statements
        return is_named or not self._lines.isdisjoint(_line(finding, finding.sql))


# PostgreSQL's own text of a statement has parameters in the place of these.
_CONSTANT = re.compile(r"\?|\b(?:true|false)\b|(?<=EXTRACT\()\w+", re.IGNORECASE)
_WORD = re.compile(r"[^\s(),]+")
_TABLE = re.compile(r'\b(?:FROM|JOIN)\s+([\w."]+)', re.IGNORECASE)


def _words(sql: str) -> tuple[str, ...]:
    return tuple(sorted(_WORD.findall(_CONSTANT.sub(" ", sql))))


def _line(finding: Finding, sql: str) -> set[tuple[str, int, frozenset[str]]]:
    tables = frozenset(_TABLE.findall(sql))
    if finding.place is None or not tables:
        return set()
    return {(finding.place.file, finding.place.line, tables)}


def _without_effects(
    result: AuditResult,
    causes: frozenset[str],
    results: Sequence[AuditResult],
    allowed: Sequence[Finding],
) -> AuditResult:
    """Return a result without the findings whose cause others name, shown or allowed."""
    if not causes or not result.findings:
        return result
    found = [*allowed, *(finding for one in results for finding in one.findings)]
    explained = {route for one in found if one.audit in causes for route in one.routes}
    kept = [one for one in result.findings if not set(one.routes) <= explained]
    gone = [one for one in result.findings if one not in kept]
    notes = (*result.notes, *(f"the cost of the rows told of: {one.title}" for one in gone))
    outcome = _outcome(kept) if gone else result.outcome
    return dataclasses.replace(result, outcome=outcome, findings=tuple(kept), notes=notes)


def _without(result: AuditResult, covered: _Covered) -> AuditResult:
    """Return a result without the findings on statements that others named."""
    kept = [finding for finding in result.findings if not covered.has(finding)]
    if len(kept) == len(result.findings):
        return result
    return dataclasses.replace(result, outcome=_outcome(kept), findings=tuple(kept))


def _unique(found: Sequence[Finding]) -> list[Finding]:
    """Number findings that share a key, so that each can be named."""
    seen: dict[str, int] = {}
    unique = []
    for finding in found:
        seen[finding.key] = seen.get(finding.key, 0) + 1
        number = seen[finding.key]
        unique.append(
            finding if number == 1 else dataclasses.replace(finding, key=f"{finding.key}#{number}")
        )
    return unique


def _with_basis(finding: Finding, earlier_counts: Mapping[str, int]) -> Finding:
    """Say of a finding on rare routes only that what came before was counted with it."""
    counts = [earlier_counts.get(route, 0) for route in finding.routes]
    if not counts or not all(counts):
        return finding
    text = (
        f"The steady state held too few requests of this: {sum(counts)} sent before it "
        f"{'is' if sum(counts) == 1 else 'are'} counted with them."
    )
    return dataclasses.replace(finding, detail=f"{finding.detail} {text}".strip())


def _capped(finding: Finding) -> Finding:
    if finding.severity is Severity.ERROR:
        return dataclasses.replace(finding, severity=Severity.WARNING)
    return finding


def _outcome(findings: Sequence[Finding]) -> Outcome:
    if not findings:
        return Outcome.PASSED
    if all(finding.severity is Severity.NOTE for finding in findings):
        return Outcome.INFORMATIVE
    return Outcome.FAILED
