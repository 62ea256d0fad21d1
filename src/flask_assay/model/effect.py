"""What an experiment says: measured effects with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = ["Effect", "OracleVerdict", "Trial", "TrialOutcome"]


class OracleVerdict(StrEnum):
    """How the responses of the changed target compare with those of the unchanged one."""

    EQUAL = "equal"
    REORDERED = "reordered"
    VOLATILE = "volatile"
    DIFFERENT = "different"
    ERROR = "error"


class TrialOutcome(StrEnum):
    """What a trial allows one to say."""

    FASTER = "faster"
    SLOWER = "slower"
    NO_EFFECT = "no-effect"  # the interval contains zero
    REFUSED = "refused"  # the responses changed
    NOT_TRIED = "not-tried"


@dataclass(frozen=True, slots=True)
class Effect:
    """The change of one route's time under one remedy.

    Attributes:
        route: Endpoint label ("GET /orders").
        before_s: Median of the unchanged target over launches, seconds.
        after_s: Median of the changed target over launches, seconds.
        change_s: after - before, seconds (negative is faster).
        low_s: Lower end of the interval of the change, seconds.
        high_s: Upper end of the interval of the change, seconds.
        level: Confidence level of the interval, 0..1.
        launch_count: Process launches; the unit of replication.
        pair_count: Request pairs over all launches.
        oracle: How the responses compared.
        oracle_detail: What differed, shapes only.
        statements_before: Mean SQL statements per request before.
        statements_after: Mean SQL statements per request after.
    """

    route: str
    before_s: float
    after_s: float
    change_s: float
    low_s: float
    high_s: float
    level: float
    launch_count: int
    pair_count: int
    oracle: OracleVerdict
    oracle_detail: str = ""
    statements_before: float | None = None
    statements_after: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low_s > 0 or self.high_s < 0


@dataclass(frozen=True, slots=True)
class Trial:
    """One remedy, tried.

    Attributes:
        remedy_id: "<audit>/<finding key>/<n>", or "null" for A/A.
        intervention: Registered name of the intervention.
        parameters: As in the remedy.
        summary: The remedy in one sentence.
        outcome: What may be said.
        effects: Per route.
        prices: What it costs ({"write_us_per_row": …, "index_bytes": …}), each a number.
        reason: Why it was refused or not tried.
        duration_s: Wall time that the trial took, seconds.
    """

    remedy_id: str
    intervention: str
    parameters: Mapping[str, object]
    summary: str
    outcome: TrialOutcome
    effects: tuple[Effect, ...] = ()
    prices: Mapping[str, float] | None = None
    reason: str = ""
    duration_s: float = 0.0
