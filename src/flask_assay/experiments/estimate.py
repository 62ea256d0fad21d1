"""From launches to effects: one number per launch, an interval over launches."""

from collections.abc import Sequence
from math import exp, expm1, log
from statistics import fmean, median

from flask_assay.experiments.launch import LaunchResult
from flask_assay.experiments.oracle import worst
from flask_assay.model.effect import Effect, OracleVerdict, TrialOutcome
from flask_assay.stats.intervals import mean_interval

__all__ = ["LEVEL", "distribution", "effects_of", "log_ratio", "outcome_of", "statements_of"]

LEVEL = 0.95
_CLAIM_LEVEL = 0.99
_CLAIM_ALPHA = 0.03  # for the null arm, shared among all routes of all arms
# Below this share of the route's time a change is not worth a sentence.
_LEAST_RATIO = 0.02
_MOST_BINS, _LEAST_BINS = 28, 10


def effects_of(
    arm: str, launches: Sequence[LaunchResult], *, level: float, share: float = 1.0
) -> tuple[Effect, ...]:
    """Return the effect of one arm on each route that it was measured on.

    Per launch: the median of the paired log-ratios, which a machine that is slower for a while
    leaves alone. Over launches: their mean with a Student t interval, given back in seconds of
    the unchanged route's median.

    Args:
        arm: Its name.
        launches: At least two.
        level: Confidence level of the intervals, 0..1.
        share: Share of the route's requests that the change helps (a cache's hit ratio), 0..1.
    """
    routes = sorted({route for each in launches for name, route in each.pairs if name == arm})
    return tuple(
        _effect((arm, route), launches, level, share)
        for route in routes
        if sum((arm, route) in each.pairs for each in launches) > 1
    )


def log_ratio(pairs: Sequence[tuple[float, float]], share: float = 1.0) -> float:
    """Return the figure of one launch: the median paired log-ratio, if only a share is helped."""
    ratio = median(log(after / before) for before, after in pairs)
    return log(1 - share + share * exp(ratio)) if share < 1 else ratio


def _effect(
    key: tuple[str, str], launches: Sequence[LaunchResult], level: float, share: float
) -> Effect:
    pairs = [each.pairs[key] for each in launches if key in each.pairs]
    ratios = [log_ratio(launch, share) for launch in pairs]
    before_s = median(median(before for before, _ in launch) for launch in pairs)
    change_s, low_s, high_s = (
        before_s * expm1(value) for value in mean_interval(ratios, level=level)
    )
    verdict, detail = worst(each.verdicts.get(key, (OracleVerdict.EQUAL, "")) for each in launches)
    before, after = statements_of(key, launches)
    return Effect(
        route=key[1],
        before_s=before_s,
        after_s=before_s + change_s,
        change_s=change_s,
        low_s=low_s,
        high_s=high_s,
        level=level,
        launch_count=len(pairs),
        pair_count=sum(len(launch) for launch in pairs),
        oracle=verdict,
        oracle_detail=detail,
        statements_before=before,
        statements_after=(
            None if before is None or after is None else before + share * (after - before)
        ),
        distribution=distribution([pair for launch in pairs for pair in launch]),
    )


def distribution(pairs: Sequence[tuple[float, float]]) -> tuple[tuple[float, int, int], ...]:
    """Return (upper bound in seconds, times before, times after) in bins of equal ratio.

    Args:
        pairs: Seconds (before, after), each above zero.
    """
    times = [time_s for pair in pairs for time_s in pair]
    if not times:
        return ()
    bins = min(_MOST_BINS, max(_LEAST_BINS, len(pairs) // 3))
    low, ratio = min(times), max(max(times) / min(times), 1.001) ** (1 / bins)
    counts = [[0, 0] for _ in range(bins)]
    for pair in pairs:
        for side, time_s in enumerate(pair):
            at = int(log(time_s / low) / log(ratio))
            counts[min(at, bins - 1)][side] += 1
    return tuple(
        (low * ratio ** (number + 1), before, after)
        for number, (before, after) in enumerate(counts)
    )


def statements_of(
    key: tuple[str, str], launches: Sequence[LaunchResult]
) -> tuple[float | None, float | None]:
    """Return the mean statements per request without and with an arm's changes."""
    counted = [each.statements[key] for each in launches if key in each.statements]
    if not counted:
        return None, None
    return fmean(one for one, _ in counted), fmean(other for _, other in counted)


def outcome_of(
    arm: str,
    launches: Sequence[LaunchResult],
    noise: Sequence[Effect],
    *,
    claims: int,
    share: float = 1.0,
) -> TrialOutcome:
    """Return what may be said of an arm.

    An effect is claimed if its 99 % interval excludes zero, it is larger than 2 % of the route's
    time, and larger than any single launch of the null arm showed on the same route. By
    simulation (six launches, normal and heavy-tailed luck of 3 to 20 % a launch) that is wrong
    for one in a thousand (arm, route) pairs, and sees a halved time in 99 of 100 cases even
    where launches differ by 20 %. The null arm itself has no other arm to compare with: its
    interval must exclude zero at ``0.03 / claims``.

    Args:
        arm: Its name.
        launches: All launches.
        noise: Effects of the null arm; none when the null arm itself is judged.
        claims: Number of (arm, route) combinations that could be claimed in this run.
        share: As for ``effects_of``.
    """
    level = _CLAIM_LEVEL if noise else 1 - _CLAIM_ALPHA / max(1, claims)
    strict = effects_of(arm, launches, level=level, share=share)
    if any(each.oracle in {OracleVerdict.DIFFERENT, OracleVerdict.ERROR} for each in strict):
        return TrialOutcome.REFUSED
    real = [
        each
        for each in strict
        if each.excludes_zero
        and abs(each.change_s) > _LEAST_RATIO * each.before_s
        and _of_helped(each, share) > (_floor(each.route, launches) if noise else 0)
    ]
    if any(each.change_s < 0 for each in real):
        return TrialOutcome.FASTER
    return TrialOutcome.SLOWER if real else TrialOutcome.NO_EFFECT


def _of_helped(effect: Effect, share: float) -> float:
    """Return the size of the log-ratio on those requests that the change helps."""
    ratio = (effect.after_s / effect.before_s - 1 + share) / share if share > 0 else 1.0
    return abs(log(max(ratio, 1e-9)))


def _floor(route: str, launches: Sequence[LaunchResult]) -> float:
    """Return the largest log-ratio that a launch of the null arm showed on a route."""
    shown = [each.pairs["null", route] for each in launches if ("null", route) in each.pairs]
    return max((abs(log_ratio(pairs)) for pairs in shown), default=0.0)
