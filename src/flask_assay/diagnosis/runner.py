"""Run every audit; whatever happens to one of them is a labelled result."""

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet

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
    results = tuple(_run(view, audit, allow) for audit in every)
    claimed = {
        finding.sql
        for audit, result in zip(every, results, strict=True)
        for finding in result.findings
        if not audit.meta.is_fallback
    }
    return tuple(
        _without(result, claimed) if audit.meta.is_fallback else result
        for audit, result in zip(every, results, strict=True)
    )


def allowed_by(finding: Finding, allow: Mapping[str, str]) -> str | None:
    """Return the entry that allows a finding: all of its routes, or its key; None if none."""
    by_key = f"{finding.audit}:{finding.key}"
    if by_key in allow:
        return by_key
    entries = [f"{finding.audit}:{route}" for route in finding.routes]
    if entries and all(entry in allow for entry in entries):
        return entries[0]
    return None


def _run(view: View, audit: Audit, allow: Mapping[str, str]) -> AuditResult:
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
        found = [_with_basis(finding, view[counted_requests].warm_up_counts) for finding in found]
    for finding in _unique(found):
        entry = allowed_by(finding, allow)
        if entry is None:
            kept.append(_capped(finding) if is_preview else finding)
        else:
            notes.append(f"allowed: {finding.title} ({entry}: {allow[entry]})")
    return AuditResult(audit_id, _outcome(kept), tuple(kept), notes=tuple(notes))


def _without(result: AuditResult, claimed: AbstractSet[str]) -> AuditResult:
    """Return a result without the findings on statements that others named."""
    kept = [finding for finding in result.findings if finding.sql not in claimed]
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


def _with_basis(finding: Finding, warm_up_counts: Mapping[str, int]) -> Finding:
    """Say of a finding on rare routes only that the warm-up was counted with it."""
    counts = [warm_up_counts.get(route, 0) for route in finding.routes]
    if not counts or not all(counts):
        return finding
    text = (
        f"The steady state held too few requests of this: {sum(counts)} of the warm-up "
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
