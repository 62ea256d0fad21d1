"""From launches to effects: one number per launch, an interval over launches."""

from collections.abc import Sequence
from math import expm1, log
from statistics import median

from flask_assay.experiments.launch import LaunchResult
from flask_assay.experiments.oracle import worst
from flask_assay.model.effect import Effect, OracleVerdict, TrialOutcome
from flask_assay.stats.intervals import mean_interval

__all__ = ["LEVEL", "effects_of", "outcome_of"]

LEVEL = 0.95
# What is claimed must hold at a stricter level, shared among all routes of all arms.
_CLAIM_ALPHA = 0.02
# Below this share of the route's time a change is not worth a sentence.
_LEAST_RATIO = 0.02


def effects_of(arm: str, launches: Sequence[LaunchResult], *, level: float) -> tuple[Effect, ...]:
    """Return the effect of one arm on each route that it was measured on.

    Per launch: the median of the paired log-ratios, which a machine that is slower for a while
    leaves alone. Over launches: their mean with a Student t interval, given back in seconds of
    the unchanged route's median.

    Args:
        arm: Its name.
        launches: At least two.
        level: Confidence level of the intervals, 0..1.
    """
    routes = sorted({route for each in launches for name, route in each.pairs if name == arm})
    return tuple(_effect(arm, route, launches, level) for route in routes)


def _effect(arm: str, route: str, launches: Sequence[LaunchResult], level: float) -> Effect:
    pairs = [each.pairs[arm, route] for each in launches if (arm, route) in each.pairs]
    ratios = [median(log(after / before) for before, after in launch) for launch in pairs]
    before_s = median(median(before for before, _ in launch) for launch in pairs)
    change_s, low_s, high_s = (
        before_s * expm1(value) for value in mean_interval(ratios, level=level)
    )
    verdict, detail = worst(
        each.verdicts.get((arm, route), (OracleVerdict.EQUAL, "")) for each in launches
    )
    return Effect(
        route=route,
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
    )


def outcome_of(
    arm: str, launches: Sequence[LaunchResult], noise: Sequence[Effect], *, claims: int
) -> TrialOutcome:
    """Return what may be said of an arm.

    An effect is claimed if its interval excludes zero at ``0.02 / claims``, it is larger than
    2 % of the route's time, and larger than what the null arm showed on the same route.

    Args:
        arm: Its name.
        launches: All launches.
        noise: Effects of the null arm.
        claims: Number of (arm, route) combinations that could be claimed in this run.
    """
    strict = effects_of(arm, launches, level=1 - _CLAIM_ALPHA / max(1, claims))
    floor = {each.route: max(abs(each.low_s), abs(each.high_s)) for each in noise}
    if any(each.oracle in {OracleVerdict.DIFFERENT, OracleVerdict.ERROR} for each in strict):
        return TrialOutcome.REFUSED
    real = [
        each
        for each in strict
        if each.excludes_zero
        and abs(each.change_s) > _LEAST_RATIO * each.before_s
        and abs(each.change_s) > abs(floor.get(each.route, 0.0))
    ]
    if any(each.change_s < 0 for each in real):
        return TrialOutcome.FASTER
    return TrialOutcome.SLOWER if real else TrialOutcome.NO_EFFECT
