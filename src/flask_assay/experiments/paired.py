"""All remedies that a single request shows, side by side: request by request, arm by arm."""

import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from statistics import fmean

from flask_assay.experiments.arms import NULL, ArmPlan, arms_of, combinations_of, spare_arm
from flask_assay.experiments.copies import Copies
from flask_assay.experiments.estimate import Judgement, judge, spread_in
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.interventions.offload import ENQUEUE_S
from flask_assay.experiments.ladder import ladder_of
from flask_assay.experiments.launch import Bench, LaunchResult, run_launch
from flask_assay.experiments.neighbours import Neighbours
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.experiments.rehearsal import NO_TIME_TO_LOOK, Rehearsal, rehearse
from flask_assay.experiments.replay import SentRequest
from flask_assay.experiments.schedule import schedule, without
from flask_assay.experiments.writes import writing_routes
from flask_assay.gather.lab import Lab
from flask_assay.model.clock import Clock
from flask_assay.model.deadline import Deadline
from flask_assay.model.effect import Ladder, OracleVerdict, Trial, TrialOutcome
from flask_assay.recording.reader import Recording

__all__ = ["Paired"]

_REQUESTS_PER_ROUTE = 6
_LEAST_MEASURING_S = 0.5
_LEAST_LAUNCHES = 4
_MOST_ROUTES = 4  # of one remedy
_OVERRUN = 1.5
_MOST_DIFFERENT = 2
_STOP_S = 0.5  # what the end of a launch takes beside its boot
_REHEARSAL_SHARE, _FIRST_SHARE = 0.2, 0.55


class Paired:
    """All launches that compare remedies side by side.

    Half of the launches compare each remedy alone with the unchanged app. Then it is looked what
    they show: what is clearly nothing, or was refused, gives its time to what is open, and
    remedies that help are tried together in the other half.

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
        self._rng = random.Random(lab.settings.integer("random_seed"))
        self._overhead_s = 0.0
        self._left_out: dict[str, str] = {}
        self._useless: dict[str, str] = {}
        self._deadline = Deadline.after(clock, 0.0)
        self._is_apart = False
        self._busy = ""
        self._before = Neighbours.look()

    def run(self, deadline: Deadline, launches: int) -> tuple[list[Trial], Ladder | None]:
        """Return the trials, A/A first, and the ladder.

        Args:
            deadline: When the last request is sent.
            launches: Launches, if the time suffices.
        """
        self._deadline = deadline
        self._on_step(f"experiment: {len(self._wanted)} remedies, which requests can be sent again")
        copies = Copies(self._lab, self._wanted, self._writing)
        try:
            (spare,) = copies.give([spare_arm(self._requests)], self._on_step)
            seen = rehearse(
                self._bench(copies),
                spare,
                _REQUESTS_PER_ROUTE,
                self._wanted,
                _REHEARSAL_SHARE * deadline.left_s,
            )
            seen = replace(seen, shown=self._where_it_matters(seen))
            self._overhead_s = seen.boot_s + _STOP_S
            launches = _affordable(launches, deadline.left_s, self._overhead_s)
            first = -(-launches // 2)
            half = deadline.within(_FIRST_SHARE * deadline.left_s)
            alone = self._alone(copies, seen, half.left_s / first)
            singles = self._round(alone, half, (0, first, launches))
            bench, left_out = self._further(copies, seen, alone, singles)
            further: list[LaunchResult] = []
            if bench.arms:
                further = self._round(bench, deadline, (len(singles), launches - first, launches))
        finally:
            copies.discard()
        results = [*singles, *further]
        trials = self._trials(results, copies, seen)
        return trials, self._ladder(results, further, trials, seen, left_out)

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

    def _where_it_matters(self, seen: Rehearsal) -> tuple[Hypothesis, ...]:
        """Return the remedies with those of their routes that took most time under load.

        One that concerns twenty routes would take the pairs of all others to say the same
        twenty times.
        """
        spent: Counter[str] = Counter()
        for row in self._recording.requests:
            spent[row.route] += row.wall_ns
        return tuple(
            replace(
                each,
                routes=frozenset(
                    sorted(each.routes, key=lambda route: (-spent[route], route))[:_MOST_ROUTES]
                ),
            )
            for each in seen.shown
        )

    def _alone(self, copies: Copies, seen: Rehearsal, launch_s: float) -> Bench:
        """Return the bench with each remedy that there is time for, alone."""
        helped = {route for each in seen.shown for route in each.routes}
        routes = [route for route in seen.requests if route in helped]
        arms = arms_of(seen.shown, routes)
        plan = schedule(
            arms, seen.shown, seen.request_s, launch_s=max(0.0, launch_s - self._overhead_s)
        )
        self._left_out |= dict.fromkeys(plan.left_out, _NO_TIME)
        return self._with_arms(self._bench(copies), copies, seen, plan.arms)

    def _with_arms(
        self, bench: Bench, copies: Copies, seen: Rehearsal, arms: Sequence[ArmPlan]
    ) -> Bench:
        """Return the bench with the data of each arm, and the changes that lie in the target."""
        inside = [
            each for each in seen.shown if INTERVENTIONS[each.remedy.intervention].where == "target"
        ]
        numbers = {each.remedy_id: number for number, each in enumerate(inside)}
        given = copies.give(arms, self._on_step)
        return replace(
            bench,
            changes=tuple(map(_change, inside)),
            arms=tuple(
                replace(arm, changes=frozenset(numbers[i] for i in arm.remedies if i in numbers))
                for arm in given
            ),
            requests={
                route: each for route, each in seen.requests.items() if route in arms[0].routes
            },
            repeatable=seen.repeatable,
        )

    def _round(
        self, bench: Bench, deadline: Deadline, numbers: tuple[int, int, int]
    ) -> list[LaunchResult]:
        """Return so many launches as there is time for; arms that are settled leave early.

        Args:
            bench: What is measured.
            deadline: Of the round.
            numbers: Launches before, launches of this round, launches of both.
        """
        before, count, total = numbers
        bench = replace(bench, is_apart=self._is_apart)
        results: list[LaunchResult] = []
        while len(results) < count and not (results and deadline.left_s < self._overhead_s):
            began = self._clock.monotonic_ns()
            self._on_step(
                f"experiment: launch {before + len(results) + 1} of {total}, "
                f"{len(bench.arms)} arms on {len(bench.requests)} routes, "
                f"at most {self._deadline.left_s:.0f} s left"
            )
            share_s = deadline.left_s / (count - len(results)) - self._overhead_s
            measuring_s = max(_LEAST_MEASURING_S, share_s)
            # one that is slower than planned must leave time for the others
            latest = deadline.within(self._overhead_s + _OVERRUN * measuring_s)
            result = run_launch(bench, self._rng, budget_s=measuring_s, deadline=latest)
            if not bench.is_apart and not _own(bench) <= result.reached:
                # the app does not connect through SQLAlchemy engines: give processes of their own
                self._is_apart = True
                bench = replace(bench, is_apart=True)
                continue
            results.append(result)
            spent_s = (self._clock.monotonic_ns() - began) / 1e9
            self._overhead_s = max(_STOP_S, spent_s - result.spent_s)
            bench = self._lighter(bench, results, measuring_s)
            if len(bench.arms) <= 2:
                break
        return results

    def _lighter(self, bench: Bench, results: Sequence[LaunchResult], launch_s: float) -> Bench:
        """Return the bench without what did nothing, and what a launch has no time for."""
        settled = self._settled(bench.arms, results)
        arms = without(bench.arms, settled)
        ranked = [each for each in self._wanted if each.remedy_id not in self._left_out]
        plan = schedule(arms, ranked, results[-1].exchange_s, launch_s=_OVERRUN * launch_s)
        self._left_out |= dict.fromkeys(plan.left_out, _NO_TIME)
        routes = plan.arms[0].routes
        requests = {route: each for route, each in bench.requests.items() if route in routes}
        return replace(bench, arms=plan.arms, requests=requests)

    def _settled(self, arms: Sequence[ArmPlan], results: Sequence[LaunchResult]) -> set[str]:
        """Return arms that more time tells nothing about: refused, or nothing was changed."""
        bad = Counter(
            arm
            for result in results
            for (arm, _), (verdict, _) in result.verdicts.items()
            if verdict in {OracleVerdict.DIFFERENT, OracleVerdict.ERROR} and arm != NULL
        )
        # once may be chance that the unchanged app will show of itself in a later launch
        found = {arm for arm, count in bad.items() if count >= _MOST_DIFFERENT}
        by_id = {each.remedy_id: each for each in self._wanted}
        for arm in arms:
            each = by_id.get(arm.name)
            if each is None or not INTERVENTIONS[each.remedy.intervention].saves_statements:
                continue
            counted = [
                result.statements[key]
                for result in results
                for key in result.statements
                if key[0] == arm.name
            ]
            if counted and all(before == after for before, after in counted):
                mean = fmean(before for before, _ in counted)
                self._useless[arm.name] = _NOT_APPLIED.format(count=mean)
                found.add(arm.name)
        return found

    def _further(
        self, copies: Copies, seen: Rehearsal, bench: Bench, results: Sequence[LaunchResult]
    ) -> tuple[Bench, int]:
        """Return the bench of what is open and of what helps together; combinations left out.

        Without arms if nothing is open: what is claimed now is paid for.
        """
        judged = judge(results, self._asked(results), is_last=False)
        settled = {arm for arm, each in judged.items() if arm != NULL and not each.is_promising}
        settled |= self._left_out.keys() | self._useless.keys()
        open_arms = without(bench.arms, settled)
        helping = [
            each for each in seen.shown
            if each.remedy_id in judged and each.remedy_id not in settled
            and judged[each.remedy_id].outcome is TrialOutcome.FASTER
        ]  # fmt: skip
        ratios = {
            (each.remedy_id, effect.route): effect.change_s / effect.before_s
            for each in helping
            for effect in judged[each.remedy_id].effects
            if effect.high_s < 0
        }
        together = combinations_of(helping, ratios)
        if not together and not any(
            judged[arm.name].outcome is not TrialOutcome.FASTER
            for arm in open_arms
            if arm.name in judged and arm.name != NULL
        ):
            return replace(bench, arms=()), 0
        plan = schedule(
            [*open_arms, *together],
            [each for each in seen.shown if each.remedy_id not in settled],
            results[-1].exchange_s if results else seen.request_s,
            launch_s=results[-1].spent_s if results else 0.0,
        )
        kept = plan.arms if plan.arms[0].routes else open_arms
        return self._with_arms(bench, copies, seen, kept), plan.combinations_left_out

    def _asked(self, results: Sequence[LaunchResult]) -> dict[str, float]:
        """Return the remedies that were measured, and the share of requests that each helps."""
        seen = {name for result in results for name, _ in result.pairs}
        return {each.remedy_id: each.share for each in self._wanted if each.remedy_id in seen}

    def _ladder(
        self,
        results: Sequence[LaunchResult],
        further: Sequence[LaunchResult],
        trials: Sequence[Trial],
        seen: Rehearsal,
        left_out: int,
    ) -> Ladder | None:
        # what was only sent elsewhere is not repeated where others were served, nor counted here
        kinds = {
            route: {each.status // 100 for each in sent} for route, sent in self._requests.items()
        }
        asked = Counter(
            row.route
            for row in self._recording.requests
            if row.status // 100 in kinds.get(row.route, {row.status // 100})
        )
        by_id = {trial.remedy_id: trial for trial in trials}
        # what was tried together is compared within the launches that had all of it
        has_all = any(" + " in name for each in further for name, _ in each.pairs)
        stands_on = further if has_all and len(further) > 1 else results
        ladder = ladder_of(seen.shown, by_id, stands_on, asked, spread_in(results))
        if ladder is not None and left_out:
            return replace(ladder, note=_COMBINATIONS.format(count=left_out))
        return ladder

    def _trials(
        self, results: Sequence[LaunchResult], copies: Copies, seen: Rehearsal
    ) -> list[Trial]:
        spent_s = (self._clock.monotonic_ns() - self._started) / 1e9
        judged = judge(results, self._asked(results))
        self._busy = self._before.words()
        null = judged[NULL]
        trials = [
            Trial(
                remedy_id="null",
                intervention="none",
                parameters={},
                summary="the unchanged app against itself (A/A)",
                outcome=null.outcome,
                effects=null.effects,
                reason=f"{null.reason} {self._busy}".strip(),
                duration_s=spent_s,
            )
        ]
        for each in self._wanted:
            one = judged.get(each.remedy_id)
            if each.remedy_id in seen.not_shown:
                reason = seen.not_shown[each.remedy_id]
                is_late = reason == NO_TIME_TO_LOOK
                kind = TrialOutcome.NOT_TRIED if is_late else TrialOutcome.NOT_REPRODUCED
                trials.append(each.untried(reason, kind))
            elif one is None or not one.effects:
                known = copies.refused | self._left_out
                why = known.get(each.remedy_id) or _why_unmeasured(each, seen, results)
                trials.append(each.untried(why))
            else:
                trials.append(replace(self._trial(each, one, results, copies), duration_s=spent_s))
        return trials

    def _trial(
        self,
        each: Hypothesis,
        one: Judgement,
        results: Sequence[LaunchResult],
        copies: Copies,
    ) -> Trial:
        outcome, reason = one.outcome, one.reason
        if outcome is TrialOutcome.INCONCLUSIVE:
            reason = f"{reason} {self._busy}".strip()
        if each.remedy_id in self._useless and outcome is not TrialOutcome.REFUSED:
            outcome, reason = TrialOutcome.NOT_REPRODUCED, self._useless[each.remedy_id]
        elif outcome is TrialOutcome.INCONCLUSIVE and each.remedy_id in self._left_out:
            reason = f"{reason} {self._left_out[each.remedy_id]}"
        return replace(
            each.untried(reason, outcome),
            summary=_summary(each),
            effects=one.effects,
            prices=copies.prices.get(each.remedy_id) or _prices(each, results),
        )


def _affordable(launches: int, left_s: float, overhead_s: float) -> int:
    """Return so many launches that boots take less than half of the time, but enough to claim."""
    fitting = int(left_s / (2 * max(overhead_s, 1e-3)))
    return max(min(launches, _LEAST_LAUNCHES), min(launches, fitting))


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


def _why_unmeasured(each: Hypothesis, seen: Rehearsal, results: Sequence[LaunchResult]) -> str:
    """Return why a remedy that was shown in the rehearsal has no figure."""
    if len(results) < _COMPARABLE:
        return _ONE_LAUNCH
    routes = {
        route for one in seen.shown if one.remedy_id == each.remedy_id for route in one.routes
    }
    if any(routes & result.limited for result in results):
        return _LIMITED
    asked = sum(not routes.isdisjoint(result.exchange_s) for result in results)
    return _NOT_REPLAYED if asked >= _COMPARABLE else _NO_TURN


_COMPARABLE = 2  # launches, below which nothing is known of their luck
_LIMITED = (
    "the app answers 429 to requests that come so often: switch its rate limiter off for runs, "
    "as by RATELIMIT_ENABLED = False"
)
_NO_TURN = "no time was left to repeat its requests in several launches (--experiment-s)"
_ONE_LAUNCH = "only one launch fitted into the time, and an effect needs several (--experiment-s)"
_NOT_REPLAYED = "its requests, sent again, were not answered as they were under load"
_NO_TIME = "The time went to remedies of findings that cost more (--experiment-s)."
_NOT_APPLIED = (
    "it changed nothing in the requests that were repeated: {count:g} statements ran with it and "
    "without"
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
