"""What an audit says: findings with their places, evidence and remedies."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["AuditResult", "Evidence", "Finding", "Outcome", "Place", "Remedy", "Severity"]


class Severity(StrEnum):
    """How much a finding asks for attention, worst first."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


class Outcome(StrEnum):
    """How an audit ended."""

    FAILED = "failed"
    PASSED = "passed"
    INFORMATIVE = "informative"
    NOT_APPLICABLE = "not-applicable"
    ERROR = "error"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of the user's code.

    Attributes:
        file: Path relative to the project root, or as loaded if outside of it.
        line: 1-based line number.
        function: Qualified name of the function, empty if unknown.
    """

    file: str
    line: int
    function: str = ""

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One number behind a finding.

    Attributes:
        label: What was counted or timed, in words.
        value: The figure.
        unit: Its unit ("ms", "rows", "calls", "" for a bare count or text).
        n: How many observations it stands on; None where it is a plain fact.
        low: Lower end of its interval; None where it is exact.
        high: Upper end of its interval; None where it is exact.
    """

    label: str
    value: float | str
    unit: str = ""
    n: int | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Remedy:
    """A hypothesis: a change that should help, in a form an experiment can apply.

    Attributes:
        intervention: Registered name of the intervention ("index", "eager-loading" …).
        parameters: What the intervention needs, JSON-able ({"table": …, "columns": […]}).
        summary: The remedy in one imperative sentence.
        snippet: Code to commit, empty where the change needs a person.
        snippet_language: "python", "sql", "ini" …, for highlighting.
        patch: Unified diff of the user's files; empty where no place is certain.
    """

    intervention: str
    parameters: Mapping[str, object]
    summary: str
    snippet: str = ""
    snippet_language: str = "python"
    patch: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One failing place.

    Attributes:
        audit: Id of the audit, e.g. "n-plus-one-queries".
        key: Stable within the audit and across runs; used by ``allow`` lists.
        severity: Error, warning or note.
        title: One sentence with the place in words, no markup.
        routes: Endpoint labels that it affects ("GET /orders").
        detail: Why it is so, in one short paragraph.
        place: Where in the user's code it comes from; None if it is not in code.
        cost_s: Attributable seconds of the steady state, over all requests; None if not timed.
        cost_per_request_s: Mean attributable seconds per affected request; None if not timed.
        evidence: The numbers behind it.
        sql: The statement shape concerned, literals removed; empty if none.
        further_sql: Other statements that it covers, such as those that one index would help.
        statement_id: Id of that statement in the diagnosis document's statements; empty if none.
        remedies: What could be done, most promising first.
    """

    audit: str
    key: str
    severity: Severity
    title: str
    routes: tuple[str, ...] = ()
    detail: str = ""
    place: Place | None = None
    cost_s: float | None = None
    cost_per_request_s: float | None = None
    evidence: tuple[Evidence, ...] = ()
    sql: str = ""
    further_sql: tuple[str, ...] = ()
    statement_id: str = ""
    remedies: tuple[Remedy, ...] = ()


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What running one audit gave.

    Attributes:
        audit: Id of the audit.
        outcome: How it ended.
        findings: Failing places, empty unless the outcome is failed or informative.
        reason: Why it is not applicable, or the error's type and message.
    """

    audit: str
    outcome: Outcome
    findings: tuple[Finding, ...] = ()
    reason: str = ""
    notes: tuple[str, ...] = field(default=())
