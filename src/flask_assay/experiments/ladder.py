"""The ladder: which remedies, in which order, give how much together.

Everything was measured before: for each route the time under each subset of the remedies that
concern it. Here they are only put in order, greedily by what each adds to those below.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import exp, expm1, log
from statistics import fmean, median

from flask_assay.experiments.arms import NULL, arm_name
from flask_assay.experiments.estimate import LEVEL, log_ratio, statements_of
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.launch import LaunchResult
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.model.effect import Ladder, Rung, Trial, TrialOutcome
from flask_assay.stats.intervals import Interval
from flask_assay.stats.launches import Comparison, Spread, comparison, interval_of

__all__ = ["ladder_of"]

_NOTHING_SHOWN = frozenset({TrialOutcome.NO_EFFECT, TrialOutcome.INCONCLUSIVE})


def ladder_of(
    wanted: Sequence[Hypothesis],
    trials: Mapping[str, Trial],
    launches: Sequence[LaunchResult],
    requests_by_route: Mapping[str, int],
    spread: Spread = Spread(),  # noqa: B008 - a tuple of numbers
) -> Ladder | None:
    """Return the ladder over all replayed routes, None if no remedy alone is faster.

    Args:
        wanted: What was tried, in the order of the findings.
        trials: Remedy id → its trial.
        launches: At least two.
        requests_by_route: Route → requests of the steady state.
        spread: What the experiment showed of the luck of its launches.
    """
    tried = [each for each in wanted if each.remedy_id in trials]
    left = [
        each for each in tried if trials[each.remedy_id].outcome is TrialOutcome.FASTER
        and not INTERVENTIONS[each.remedy.intervention].is_what_if
    ]  # fmt: skip
    if not left:
        return None
    launches = _with_all(left, launches, requests_by_route)
    scale = _Scale(left, launches, requests_by_route, spread)
    # what was proven on a route that not all of these launches measured has no place beside others
    left = [each for each in left if not each.routes.isdisjoint(scale.routes)]
    if not left:
        return None
    rungs: list[Rung] = []
    below: list[Hypothesis] = []
    while left:
        best = min(left, key=lambda each: scale.time_s([*below, each]))
        if not scale.change([*below, best], below).high < 0:
            break
        below.append(best)
        left.remove(best)
        rungs.append(_rung(scale, below))
    without = [each for each in tried if trials[each.remedy_id].outcome in _NOTHING_SHOWN] + left
    return Ladder(
        routes=tuple(scale.routes),
        before_s=scale.before_s,
        statements_before=scale.statements([]),
        level=LEVEL,
        launch_count=len(launches),
        rungs=tuple(rungs),
        no_effect=tuple((each.remedy_id, each.remedy.summary) for each in without),
    )


def _with_all(
    wanted: Sequence[Hypothesis],
    launches: Sequence[LaunchResult],
    requests_by_route: Mapping[str, int],
) -> Sequence[LaunchResult]:
    """Return the launches that measured every route of the remedies, if there are two or more."""
    routes = {route for each in wanted for route in each.routes} & requests_by_route.keys()
    found = [each for each in launches if all((NULL, route) in each.pairs for route in routes)]
    return found if len(found) > 1 else launches


def _rung(scale: "_Scale", below: Sequence[Hypothesis]) -> Rung:
    added = below[-1]
    total = scale.change(below, [])
    change = scale.change(below, below[:-1])
    before_s = scale.time_s(below[:-1])
    return Rung(
        remedy_id=added.remedy_id,
        summary=added.remedy.summary,
        is_simulated=INTERVENTIONS[added.remedy.intervention].is_simulated,
        time_s=scale.before_s * exp(total.point),
        low_s=scale.before_s * exp(total.low),
        high_s=scale.before_s * exp(total.high),
        change_s=before_s * expm1(change.point),
        change_low_s=before_s * expm1(change.low),
        change_high_s=before_s * expm1(change.high),
        alone_s=scale.before_s * expm1(scale.change([added], []).point),
        statements=scale.statements(below),
    )


@dataclass(frozen=True, slots=True)
class _Route:
    """One route: how often it is asked for, and how long the unchanged app takes."""

    name: str
    share: float
    before_s: float


class _Scale:
    """Mean time per request of the load's mix of routes, under any set of remedies."""

    def __init__(
        self,
        remedies: Sequence[Hypothesis],
        launches: Sequence[LaunchResult],
        requests_by_route: Mapping[str, int],
        spread: Spread,
    ) -> None:
        self._launches, self._spread = launches, spread
        counted = {
            route for route in requests_by_route
            if all((NULL, route) in each.pairs for each in launches)
        }  # fmt: skip
        self.routes = sorted(counted & {route for each in remedies for route in each.routes})
        total = sum(requests_by_route[route] for route in self.routes)
        self._mix = [
            _Route(route, requests_by_route[route] / total, self._before_s(route))
            for route in self.routes
        ]
        self.before_s = sum(each.share * each.before_s for each in self._mix)

    def _before_s(self, route: str) -> float:
        return median(
            median(before for before, _ in each.pairs[NULL, route]) for each in self._launches
        )

    def time_s(self, remedies: Sequence[Hypothesis]) -> float:
        """Return the mean time per request, geometric mean over launches."""
        return exp(fmean(log(self._launch_s(remedies, each)) for each in self._launches))

    def change(self, remedies: Sequence[Hypothesis], than: Sequence[Hypothesis]) -> Interval:
        """Return the log-ratio of two sets of remedies, over launches."""
        ratios = tuple(
            log(self._launch_s(remedies, each) / self._launch_s(than, each))
            for each in self._launches
        )
        error = self._error_variance(remedies, than)
        return interval_of(Comparison(ratios, error), self._spread, level=LEVEL)

    def _error_variance(self, remedies: Sequence[Hypothesis], than: Sequence[Hypothesis]) -> float:
        """Return how well pairs within launches tell the change of the mix."""
        total = 0.0
        for route in self._mix:
            weight = route.share * route.before_s / self.before_s
            for those, other in ((remedies, than), (than, remedies)):
                here = [each for each in those if route.name in each.routes]
                same = [each for each in other if route.name in each.routes]
                found = [self._pairs(route.name, here, each) for each in self._launches]
                seen = [pairs for pairs in found if pairs]
                if here != same and seen:
                    logs = [[log(after / before) for before, after in pairs] for pairs in seen]
                    total += weight * weight * comparison(logs).error_variance
        return total

    def statements(self, remedies: Sequence[Hypothesis]) -> float | None:
        """Return the mean statements per request."""
        found = [self._statements(route, remedies) for route in self._mix]
        return None if None in found else sum(each for each in found if each is not None)

    def _launch_s(self, remedies: Sequence[Hypothesis], launch: LaunchResult) -> float:
        return sum(
            route.share * route.before_s * self._ratio(route.name, remedies, launch)
            for route in self._mix
        )

    def _ratio(self, route: str, remedies: Sequence[Hypothesis], launch: LaunchResult) -> float:
        """Return time with the remedies / time without, on one route."""
        here = [each for each in remedies if route in each.routes]
        pairs = self._pairs(route, here, launch)
        if pairs is None:
            # too many together to measure each subset: the best that was measured within it
            return min(
                self._ratio(route, [each for each in here if each is not other], launch)
                for other in here
            )
        if not pairs:
            return 1.0
        ratio = exp(log_ratio(pairs))
        for each in here:
            if (hits := each.share) < 1:
                others = [other for other in here if other is not each]
                ratio = hits * ratio + (1 - hits) * self._ratio(route, others, launch)
        return ratio

    def _pairs(
        self, route: str, here: Sequence[Hypothesis], launch: LaunchResult
    ) -> Sequence[tuple[float, float]] | None:
        if not here:
            return ()
        ordered = sorted(here, key=lambda each: each.number)
        return launch.pairs.get((arm_name([each.remedy_id for each in ordered]), route))

    def _statements(self, route: _Route, remedies: Sequence[Hypothesis]) -> float | None:
        here = sorted(
            (each for each in remedies if route.name in each.routes), key=lambda each: each.number
        )
        before, _ = statements_of((NULL, route.name), self._launches)
        if not here or before is None:
            return None if before is None else route.share * before
        _, after = statements_of(
            (arm_name([each.remedy_id for each in here]), route.name), self._launches
        )
        if after is None:
            return None
        for each in here:
            after = each.share * after + (1 - each.share) * before
        return route.share * after
