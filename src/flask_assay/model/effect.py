"""What an experiment says: measured effects with their intervals."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

__all__ = [
    "CachePlan",
    "CachePoint",
    "Effect",
    "Ladder",
    "OracleVerdict",
    "Rung",
    "Trial",
    "TrialOutcome",
    "is_stale_confirmed",
]

REFUSED_RATIO = 0.02


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
    NO_EFFECT = "no-effect"  # shown: the interval lies close to zero on both sides
    INCONCLUSIVE = "inconclusive"  # neither an effect nor its absence could be shown
    MENDED = "mended"  # what was wrong is right; time does not show it
    REFUSED = "refused"  # the responses changed
    NOT_REPRODUCED = "not-reproduced"  # repeated requests did not show the finding
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
        distribution: (upper bound in seconds, requests before, requests after) with growing
            bounds, over all launches; of requests that the change helps.
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
    distribution: tuple[tuple[float, int, int], ...] = ()

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
        is_simulated: Whether a stand-in for a rewrite was measured, not a change one can commit.
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
    is_simulated: bool = False


@dataclass(frozen=True, slots=True)
class Rung:
    """One more remedy on top of those below.

    Attributes:
        remedy_id: The one that this rung adds.
        summary: It in one sentence.
        is_simulated: Whether a stand-in for a rewrite was measured, not a patch.
        time_s: Mean time per request with all remedies so far, seconds.
        low_s: Lower end of its interval, seconds.
        high_s: Upper end of its interval, seconds.
        change_s: Change against the rung below, seconds (negative is faster).
        change_low_s: Lower end of the interval of that change, seconds.
        change_high_s: Upper end of it, seconds.
        alone_s: Change that it makes alone, seconds.
        statements: Mean SQL statements per request with all remedies so far; None if unknown.
    """

    remedy_id: str
    summary: str
    is_simulated: bool
    time_s: float
    low_s: float
    high_s: float
    change_s: float
    change_low_s: float
    change_high_s: float
    alone_s: float
    statements: float | None = None


@dataclass(frozen=True, slots=True)
class Ladder:
    """Remedies one on top of the other, in the order that gives most first. Measured, no sum.

    Attributes:
        routes: Routes whose requests count, each as often as the load asked for it.
        before_s: Mean time per request of the unchanged app, seconds.
        statements_before: Mean SQL statements per request of it; None if unknown.
        level: Confidence level of the intervals, 0..1.
        launch_count: Launches that each figure stands on.
        rungs: From the first remedy to all of them.
        no_effect: (remedy id, summary) of what was tried and showed no effect, alone or on top.
        note: What was left out, in a sentence.
    """

    routes: tuple[str, ...]
    before_s: float
    statements_before: float | None
    level: float
    launch_count: int
    rungs: tuple[Rung, ...]
    no_effect: tuple[tuple[str, str], ...] = ()
    note: str = ""


@dataclass(frozen=True, slots=True)
class CachePoint:
    """What a cache of one lifetime does with the same requests: predicted, and measured.

    Attributes:
        ttl_s: Lifetime of an entry, seconds.
        predicted_hit_ratio: Hits among requests, by the recorded trace.
        predicted_stale_ratio: Stale ones among hits, by the recorded trace.
        hit_ratio: Hits among requests of a real cache at which the load was repeated.
        stale_ratio: Of those, answers that the app itself gave differently at that moment; None
            if too many writes were refused when they were repeated.
    """

    ttl_s: float
    predicted_hit_ratio: float
    predicted_stale_ratio: float
    hit_ratio: float
    stale_ratio: float | None


@dataclass(frozen=True, slots=True)
class CachePlan:
    """Lifetimes to choose from for the answers of one route.

    Attributes:
        route: Endpoint label ("GET /top").
        is_per_identity: Whether each caller has entries of their own, as the view reads who asks.
        chosen_ttl_s: Lifetime that is proposed; None if answers are better deleted on write.
        request_count: Requests of the trace that were repeated, in their order and at their time.
        left_out_count: Requests of the trace that were not.
        write_count: Requests that write, repeated between them and done as in the load.
        points: By lifetime, shortest first.
        refused_write_count: Requests that write, answered otherwise than in the load.
    """

    route: str
    is_per_identity: bool
    chosen_ttl_s: float | None
    request_count: int
    left_out_count: int
    write_count: int
    points: tuple[CachePoint, ...]
    refused_write_count: int = 0


def is_stale_confirmed(writes: int, refused: int) -> bool:
    """Whether enough writes were done again to measure staleness: all but one in fifty.

    Args:
        writes: Done as in the load.
        refused: Answered otherwise.
    """
    return refused <= REFUSED_RATIO * (writes + refused)
