"""All remedies that a single request shows, side by side: request by request, arm by arm."""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from flask_assay.experiments.arms import arms_of, spare_arm
from flask_assay.experiments.copies import Copies
from flask_assay.experiments.estimate import LEVEL, effects_of, outcome_of
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.interventions.offload import ENQUEUE_S
from flask_assay.experiments.ladder import ladder_of
from flask_assay.experiments.launch import Bench, LaunchResult, run_launch
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.experiments.rehearsal import Rehearsal, rehearse
from flask_assay.experiments.replay import SentRequest
from flask_assay.experiments.schedule import LEAST_LAUNCHES, Schedule, schedule
from flask_assay.experiments.writes import writing_routes
from flask_assay.gather.lab import Lab
from flask_assay.model.clock import Clock
from flask_assay.model.effect import Ladder, Trial, TrialOutcome
from flask_assay.recording.reader import Recording

__all__ = ["Paired"]

_REQUESTS_PER_ROUTE = 6
_LEAST_MEASURING_S = 1.0


class Paired:
    """All launches that compare remedies side by side.

    Args:
        lab: The run's servers; no target may be up.
        recording: Of the run.
        wanted: Remedies, the dearest finding first.
        requests: Route → requests that could be replayed.
        clock: Source of time.
        on_step: Told what is going on.
    """

    def __init__(
        self,
        lab: Lab,
        recording: Recording,
        wanted: Sequence[Hypothesis],
        requests: Mapping[str, Sequence[SentRequest]],
        clock: Clock,
        on_step: Callable[[str], None],
    ) -> None:
        self._lab, self._recording, self._wanted = lab, recording, wanted
        self._requests, self._clock, self._on_step = requests, clock, on_step
        self._writing = writing_routes(recording)
        self._started = clock.monotonic_ns()
        self._budget_s = 0.0

    def run(self, budget_s: float, launches: int) -> tuple[list[Trial], Ladder | None]:
        """Return the trials, A/A first, and the ladder."""
        self._budget_s = budget_s
        self._on_step(f"experiment: {len(self._wanted)} remedies, which requests can be sent again")
        copies = Copies(self._lab, self._wanted, self._writing)
        try:
            (spare,) = copies.give([spare_arm(self._requests)], self._on_step)
            seen = rehearse(self._bench(copies), spare, _REQUESTS_PER_ROUTE, self._wanted)
            plan = self._schedule(seen, budget_s, launches)
            bench = self._with_arms(copies, seen, plan)
            results = self._launches(bench, budget_s, plan.launches)
        finally:
            copies.discard()
        trials = self._trials(results, copies, seen, plan)
        asked = Counter(row.route for row in self._recording.requests)
        by_id = {trial.remedy_id: trial for trial in trials}
        ladder = ladder_of(seen.shown, by_id, results, asked)
        if ladder is not None and plan.combinations_left_out:
            ladder = replace(ladder, note=_COMBINATIONS.format(count=plan.combinations_left_out))
        return trials, ladder

    def _bench(self, copies: Copies) -> Bench:
        return Bench(
            lab=self._lab,
            base=copies.base,
            changes=(),
            arms=(),
            requests=self._requests,
            clock=self._clock,
            writing=self._writing,
        )

    def _schedule(self, seen: Rehearsal, budget_s: float, launches: int) -> Schedule:
        helped = {route for each in seen.shown for route in each.routes}
        routes = [route for route in seen.requests if route in helped]
        return schedule(
            arms_of(seen.shown, routes),
            seen.shown,
            seen.request_s,
            budget_s=budget_s,
            most_launches=launches,
        )

    def _with_arms(self, copies: Copies, seen: Rehearsal, plan: Schedule) -> Bench:
        """Return the bench with the data of each arm, and the changes that lie in the target."""
        arms = copies.give(plan.arms, self._on_step)
        inside = [
            each for each in seen.shown if INTERVENTIONS[each.remedy.intervention].where == "target"
        ]
        numbers = {each.remedy_id: number for number, each in enumerate(inside)}
        return replace(
            self._bench(copies),
            changes=tuple(map(_change, inside)),
            arms=tuple(
                replace(arm, changes=frozenset(numbers[i] for i in arm.remedies if i in numbers))
                for arm in arms
            ),
            requests={
                route: each for route, each in seen.requests.items() if route in arms[0].routes
            },
        )

    def _launches(self, bench: Bench, budget_s: float, count: int) -> list[LaunchResult]:
        rng = random.Random(self._lab.settings.integer("random_seed"))
        end = self._clock.monotonic_ns() + int(budget_s * 1e9)
        overhead_s = 2.0
        results: list[LaunchResult] = []
        while len(results) < count:
            before = self._clock.monotonic_ns()
            left_s = max(0.0, (end - before) / 1e9)
            if left_s == 0.0 and len(results) >= LEAST_LAUNCHES:
                break
            self._on_step(
                f"experiment: launch {len(results) + 1} of {count}, {len(bench.arms)} arms on "
                f"{len(bench.requests)} routes, about {left_s:.0f} s left"
            )
            measuring_s = max(_LEAST_MEASURING_S, left_s / (count - len(results)) - overhead_s)
            result = run_launch(bench, rng, budget_s=measuring_s)
            if not bench.is_apart and not _own(bench) <= result.reached:
                # the app does not connect through SQLAlchemy engines: give processes of their own
                bench = replace(bench, is_apart=True)
                continue
            results.append(result)
            overhead_s = (self._clock.monotonic_ns() - before) / 1e9 - measuring_s
        return results

    def _trials(
        self, results: Sequence[LaunchResult], copies: Copies, seen: Rehearsal, plan: Schedule
    ) -> list[Trial]:
        spent_s = (self._clock.monotonic_ns() - self._started) / 1e9
        noise = effects_of("null", results, level=LEVEL)
        single = {each.remedy_id for each in self._wanted}
        claims = len({key for each in results for key in each.pairs if key[0] in single})
        null = Trial(
            remedy_id="null",
            intervention="none",
            parameters={},
            summary="the unchanged app against itself (A/A)",
            outcome=outcome_of("null", results, (), claims=claims),
            effects=noise,
            duration_s=spent_s,
        )
        late = dict.fromkeys(plan.left_out, _NO_TIME.format(seconds=self._budget_s))
        trials = [null]
        for each in self._wanted:
            effects = effects_of(each.remedy_id, results, level=LEVEL, share=each.share)
            if each.remedy_id in seen.not_shown:
                reason = seen.not_shown[each.remedy_id]
                trials.append(each.untried(reason, TrialOutcome.NOT_REPRODUCED))
                continue
            reason = (copies.refused | late).get(each.remedy_id, "")
            if reason or not effects:
                trials.append(each.untried(reason or _NOT_REPLAYED))
                continue
            trials.append(
                replace(
                    each.untried(""),
                    summary=_summary(each),
                    outcome=outcome_of(
                        each.remedy_id, results, noise, claims=claims, share=each.share
                    ),
                    effects=effects,
                    prices=copies.prices.get(each.remedy_id) or _prices(each, results),
                    duration_s=spent_s,
                )
            )
        return trials


def _change(each: Hypothesis) -> tuple[str, dict[str, object]]:
    parameters = dict(each.remedy.parameters)
    if each.share < 1:
        parameters["ttl_s"] = math.inf  # a hit is measured; how many there are is known
    return each.remedy.intervention, parameters


def _summary(each: Hypothesis) -> str:
    intervention = INTERVENTIONS[each.remedy.intervention]
    if intervention.is_what_if:
        return f"{each.remedy.summary} (upper bound, simulated)"
    if each.share < 1:
        return f"{each.remedy.summary} (at the predicted {each.share * 100:.0f} % of hits)"
    return each.remedy.summary


def _prices(each: Hypothesis, results: Sequence[LaunchResult]) -> dict[str, float] | None:
    if each.remedy.intervention == "offload":
        return {"enqueue_assumed_s": ENQUEUE_S}
    if each.remedy.intervention != "validators":
        return None
    sizes = [
        size
        for result in results
        for (arm, _), size in result.body_bytes.items()
        if arm == each.remedy_id
    ]
    return {
        "response_bytes_before": round(fmean(before for before, _ in sizes)),
        "response_bytes_after": round(fmean(after for _, after in sizes)),
    }


_NOT_REPLAYED = "its requests, sent again, were not answered as they were under load"
_NO_TIME = (
    "no time was left in {seconds:.0f} s: remedies of findings that cost more came first "
    "(--experiment-s)"
)
_COMBINATIONS = (
    "No time was left for {count} combinations; there the best that was measured within counts."
)


def _own(bench: Bench) -> frozenset[str]:
    """Return the databases that some arm must have connected to."""
    return frozenset(
        arm.databases.main.name
        for arm in bench.arms
        if arm.databases is not None and arm.name != "null"
    )
