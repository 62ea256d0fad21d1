"""From launches to effects and verdicts: one figure per launch, an interval over launches.

Three verdicts, each with its figure. *Faster* or *slower*: the interval excludes zero by the
standard of all that was asked in the experiment, and the change is larger than what the unchanged
app shows against itself and than ``EQUIVALENT_RATIO``. *No effect*: the interval lies within
``EQUIVALENT_RATIO`` of zero, so that a change worth a sentence is excluded. Else *inconclusive*:
on a busy machine intervals are wide, and that is all that may be said.

An experiment is looked at ``LOOKS`` times: once to decide what deserves more time, once at its
end. A claim made at the first look would have two chances to be wrong, so each look has its part
of the rate of wrong claims (Bonferroni's alpha spending, which holds whatever the looks have in
common). Between the looks arms are only ever dropped.

References:
    T. Kalibera, R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013.
    R. Kohavi, D. Tang, Y. Xu, "Trustworthy Online Controlled Experiments", 2020, chapter 17: who
    peeks without paying for it finds effects in A/A tests.
    K. Lan, D. DeMets, "Discrete Sequential Boundaries for Clinical Trials", 1983.
    D. Schuirmann, "A Comparison of the Two One-Sided Tests Procedure", 1987: absence of an effect
    is shown by the 90 % interval, not by a test that found none.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1, log
from statistics import fmean, median

from flask_assay.experiments.arms import NULL
from flask_assay.experiments.launch import Key, LaunchResult
from flask_assay.experiments.oracle import forgiven, worst
from flask_assay.model.effect import Effect, OracleVerdict, TrialOutcome
from flask_assay.stats.intervals import Interval
from flask_assay.stats.launches import (
    Comparison,
    Spread,
    comparison,
    interval_of,
    spread_of,
    tail_of,
)
from flask_assay.stats.location import midmean
from flask_assay.stats.multiplicity import discoveries

__all__ = [
    "EQUIVALENT_RATIO",
    "LEVEL",
    "LOOKS",
    "Judgement",
    "distribution",
    "judge",
    "log_ratio",
    "spread_in",
    "statements_of",
]

LEVEL = 0.95
EQUIVALENT_RATIO = 0.05
"""A change within this part of a route's time, both ways, is none, however narrow its interval."""

LOOKS = 2
_WRONG_RATE = 0.01  # of the claims of one experiment, all looks together
_EQUIVALENCE_LEVEL = 0.90
_MOST_BINS, _LEAST_BINS = 28, 10
_REFUSED = frozenset({OracleVerdict.DIFFERENT, OracleVerdict.ERROR})


@dataclass(frozen=True, slots=True)
class Judgement:
    """What may be said of one arm.

    Attributes:
        outcome: The verdict over all routes.
        effects: Per route; the one that decides first.
        reason: The figure of a verdict that no single effect tells.
        is_promising: Whether more time may turn it into a saving.
    """

    outcome: TrialOutcome
    effects: tuple[Effect, ...]
    reason: str = ""
    is_promising: bool = False


def log_ratio(pairs: Sequence[tuple[float, float]], share: float = 1.0) -> float:
    """Return the figure of one launch: the middle paired log-ratio, if only a share is helped."""
    return _shared(midmean([log(after / before) for before, after in pairs]), share)


def spread_in(launches: Sequence[LaunchResult]) -> Spread:
    """Return what all comparisons of an experiment say about the luck of its launches."""
    return spread_of(list(_compared(launches).values()))


def judge(
    launches: Sequence[LaunchResult], asked: Mapping[str, float], *, is_last: bool = True
) -> dict[str, Judgement]:
    """Return what may be said of each arm, the unchanged app against itself included.

    The more is asked in one experiment, the higher the bar: of a hundred claims of changes that
    do nothing, one may be wrong, whatever their number (Benjamini and Hochberg). A change must
    also be larger than all that the interval of the null arm on the same route allows, which is
    what the very same minutes did to the unchanged app.

    Args:
        launches: All launches.
        asked: Arm → share of its routes' requests that the change helps, 0..1.
        is_last: Whether this is the last look; only the figures of arms that need no other are
            final at an earlier one.
    """
    seen = _compared(launches)
    spread = spread_of(list(seen.values()))
    known = {key: each for key, each in seen.items() if each.freedom > 0}
    tails = {key: tail_of(each, spread) for key, each in known.items() if key[0] in asked}
    real = discoveries(tails, rate=_WRONG_RATE / LOOKS)
    routes = {key[1] for key in known if key[0] == NULL}
    # the null arm has no other to be compared with: what it shows is the bar of all others
    nulls = {route: tail_of(known[NULL, route], spread) for route in routes}
    uneven = discoveries({(NULL, route): p for route, p in nulls.items()}, rate=_WRONG_RATE)
    bars = {route: _farther(interval_of(known[NULL, route], spread)) for route in routes}
    found = {}
    for arm, share in {NULL: 1.0, **asked}.items():
        keys = sorted(key for key in known if key[0] == arm)
        scale = _Scale(launches, spread, share)
        shown = [scale.route(key, known[key]) for key in keys]
        claimed = [
            key
            for key in keys
            if (
                key in uneven
                if arm == NULL
                else key in real and scale.size(known[key]) > bars.get(key[1], 0.0)
            )
            and abs(expm1(_mean(known[key], share))) > EQUIVALENT_RATIO
        ]
        doubts = {
            key[1]: _doubt(scale.size(known[key]), bars.get(key[1], 0.0), len(tails))
            for key in keys if arm != NULL and key not in claimed
        }  # fmt: skip
        found[arm] = _judged(shown, [key[1] for key in claimed], doubts, is_last=is_last)
    return found


@dataclass(frozen=True, slots=True)
class _Shown:
    """One arm on one route: its effect, and the interval that can show that there is none."""

    effect: Effect
    within: Interval

    @property
    def largest_ratio(self) -> float:
        """The largest change, as a share of the route's time, that is not excluded."""
        return max(abs(expm1(self.within.low)), abs(expm1(self.within.high)))


def _doubt(size: float, bar: float, count: int) -> str:
    """Return why a change is not claimed although its own interval excludes zero."""
    if size <= bar:
        return (
            f"Meanwhile the unchanged app differed from itself by up to {expm1(bar) * 100:.0f} % "
            "there, and no smaller change is claimed."
        )
    return f"Among {count} comparisons in one experiment that may still be chance."


def _judged(
    shown: Sequence[_Shown],
    claimed: Sequence[str],
    doubts: Mapping[str, str],
    *,
    is_last: bool,
) -> Judgement:
    real = [each.effect for each in shown if each.effect.route in claimed]
    rest = [each.effect for each in shown if each.effect.route not in claimed]
    effects = tuple(sorted(real, key=lambda each: each.change_s) + rest)
    refused = [each for each in effects if each.oracle in _REFUSED]
    if refused:
        return Judgement(TrialOutcome.REFUSED, effects)
    if any(each.change_s < 0 for each in real):
        return Judgement(TrialOutcome.FASTER, effects, is_promising=True)
    if real:
        return Judgement(TrialOutcome.SLOWER, effects)
    if not shown:
        return Judgement(TrialOutcome.INCONCLUSIVE, effects, is_promising=not is_last)
    widest = max(shown, key=lambda each: each.largest_ratio)
    bound = widest.largest_ratio
    if bound <= EQUIVALENT_RATIO:
        where = "" if len(shown) == 1 else " on any route"
        reason = f"A change of more than {bound * 100:.1f} %{where} is excluded."
        return Judgement(TrialOutcome.NO_EFFECT, effects, reason)
    could = min(expm1(each.within.low) for each in shown)
    low, high = (at / widest.effect.before_s for at in (widest.effect.low_s, widest.effect.high_s))
    reason = (
        f"On {widest.effect.route} anything from {low * 100:+.0f} to {high * 100:+.0f} % "
        "is possible."
    )
    if widest.effect.high_s < 0 or widest.effect.low_s > 0:
        reason = f"{reason} {doubts.get(widest.effect.route, '')}".strip()
    open_ended = could < -EQUIVALENT_RATIO if not is_last else False
    return Judgement(TrialOutcome.INCONCLUSIVE, effects, reason, is_promising=open_ended)


@dataclass(frozen=True, slots=True)
class _Scale:
    """Turns log-ratios of launches into seconds of a route."""

    launches: Sequence[LaunchResult]
    spread: Spread
    share: float

    def size(self, one: Comparison) -> float:
        """Return the size of the log-ratio on those requests that the change helps."""
        return abs(fmean(one.figures))

    def route(self, key: Key, one: Comparison) -> _Shown:
        """Return the effect on one route."""
        pairs = [each.pairs[key] for each in self.launches if key in each.pairs]
        before_s = median(median(before for before, _ in launch) for launch in pairs)
        point, low, high = (
            before_s * expm1(_shared(value, self.share))
            for value in interval_of(one, self.spread, level=LEVEL)
        )
        within = interval_of(one, self.spread, level=_EQUIVALENCE_LEVEL)
        verdict, detail = forgiven(
            worst(each.verdicts.get(key, (OracleVerdict.EQUAL, "")) for each in self.launches),
            {path for each in self.launches for path in each.volatile.get(key[1], ())},
        )
        before, after = statements_of(key, self.launches)
        effect = Effect(
            route=key[1],
            before_s=before_s,
            after_s=before_s + point,
            change_s=point,
            low_s=low,
            high_s=high,
            level=LEVEL,
            launch_count=len(pairs),
            pair_count=sum(len(launch) for launch in pairs),
            oracle=verdict,
            oracle_detail=detail,
            statements_before=before,
            statements_after=(
                None if before is None or after is None else before + self.share * (after - before)
            ),
            distribution=distribution([pair for launch in pairs for pair in launch]),
        )
        return _Shown(effect, Interval(*(_shared(value, self.share) for value in within)))


def _compared(launches: Sequence[LaunchResult]) -> dict[Key, Comparison]:
    ratios: dict[Key, list[list[float]]] = {}
    for launch in launches:
        for key, pairs in launch.pairs.items():
            if pairs:
                ratios.setdefault(key, []).append([log(after / before) for before, after in pairs])
    return {key: comparison(found) for key, found in ratios.items()}


def _mean(one: Comparison, share: float) -> float:
    return _shared(fmean(one.figures), share)


def _shared(ratio: float, share: float) -> float:
    """Return the log-ratio of all requests if only a share of them is helped."""
    return log(1 - share + share * exp(ratio)) if share < 1 else ratio


def _farther(interval: Interval) -> float:
    return max(abs(interval.low), abs(interval.high))


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
