"""Turn findings into trials: what each remedy saves, alone and on top of others."""

import contextlib
import math
import random
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.arms import ArmPlan, arms_of, spare_arm
from flask_assay.experiments.cache_plan import cache_plans
from flask_assay.experiments.copies import Copies
from flask_assay.experiments.estimate import LEVEL, effects_of, outcome_of
from flask_assay.experiments.hypothesis import Hypothesis, hypotheses
from flask_assay.experiments.interventions.offload import ENQUEUE_S
from flask_assay.experiments.ladder import ladder_of
from flask_assay.experiments.launch import Bench, LaunchResult, rehearse, run_launch
from flask_assay.experiments.patches.write import write_patch
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.experiments.replay import SentRequest
from flask_assay.experiments.under_load import try_under_load
from flask_assay.experiments.writes import writing_routes
from flask_assay.gather.lab import Lab
from flask_assay.load.transcript import read_transcripts
from flask_assay.model.clock import Clock
from flask_assay.model.effect import Ladder, Trial, TrialOutcome
from flask_assay.model.finding import Finding
from flask_assay.recording.directory import write_document
from flask_assay.recording.reader import Recording

__all__ = ["FULL", "QUICK", "Extent", "prove", "requests_of"]

_REQUESTS_PER_ROUTE = 6
_CANDIDATES_PER_ROUTE = 24
_PAIRED_SHARE = 0.65
_LEAST_MEASURING_S = 1.0
# A slow machine that uses up the time gets no fewer launches: intervals need them.
_LEAST_LAUNCHES = 5


@dataclass(frozen=True, slots=True)
class Extent:
    """How much is tried.

    Attributes:
        launches: Launches of the paired experiment, at least 2.
        remedies: Remedies tried side by side.
        server_remedies: Remedies tried under load, each with boots of its own.
        routes: Routes replayed.
        load_launches: Launches under load.
        cache_s: Seconds for repeating the load at caches.
    """

    launches: int
    remedies: int
    server_remedies: int
    routes: int
    load_launches: int
    cache_s: float


FULL = Extent(launches=8, remedies=16, server_remedies=2, routes=16, load_launches=5, cache_s=15.0)
QUICK = Extent(launches=5, remedies=3, server_remedies=0, routes=3, load_launches=0, cache_s=4.0)


def prove(
    lab: Lab,
    recording: Recording,
    findings: Sequence[Finding],
    *,
    clock: Clock,
    on_step: Callable[[str], None],
    extent: Extent = FULL,
) -> tuple[Trial, ...]:
    """Try the remedies of the findings, write ``trials.json`` and return the trials.

    Args:
        lab: The run's servers; no target may be up. Its setting ``experiment_s`` limits the
            launches, copies of the data not counted.
        recording: Of the run.
        findings: Ranked.
        clock: Source of time.
        on_step: Told what is going on, with the time left.
        extent: How much is tried.
    """
    budget_s = lab.settings.number("experiment_s")
    every = hypotheses(findings)
    competing = [each for each in every if INTERVENTIONS[each.remedy.intervention].needs_load]
    # what can be written comes before what only shows an upper bound
    paired = sorted((each for each in every if each not in competing), key=_is_what_if)
    requests = _requests(lab, recording, paired[: extent.remedies], extent.routes)
    known = [each for each in paired[: extent.remedies] if each.routes & requests.keys()]
    tried = [*known, *competing[: extent.server_remedies]]
    trials = [each.untried(_why_not(each, paired, extent)) for each in every if each not in tried]
    ladder: Ladder | None = None
    plans = cache_plans(
        lab,
        recording,
        paired[: extent.remedies],
        clock=clock,
        budget_s=extent.cache_s,
        on_step=on_step,
    )
    under_load = competing[: extent.server_remedies] if lab.load_plan is not None else []
    share = _PAIRED_SHARE if known and under_load else 1.0
    if known:
        experiment = _Experiment(lab, recording, known, requests, clock, on_step)
        measured, ladder = experiment.run(share * budget_s, extent.launches)
        trials += measured
    found = {
        "ladders": [asdict(ladder)] if ladder else [],
        "cache_plans": [asdict(each) for each in plans],
    }
    _write(lab, trials, found)
    if under_load:
        trials += try_under_load(
            lab,
            under_load,
            clock=clock,
            budget_s=(1 - share if known else 1.0) * budget_s,
            launches=extent.load_launches,
            on_step=on_step,
        )
    _write(lab, trials, found | {"patches": _patches(recording, findings, trials)})
    return tuple(trials)


def _patches(
    recording: Recording, findings: Sequence[Finding], trials: Sequence[Trial]
) -> dict[str, str]:
    """Return remedy id → the diff of the user's files, for what was faster and is certain."""
    faster = {each.remedy_id for each in trials if each.outcome is TrialOutcome.FASTER}
    found: dict[str, str] = {}
    for finding in findings:
        for number, remedy in enumerate(finding.remedies):
            remedy_id = f"{finding.audit}/{finding.key}/{number}"
            if remedy_id in faster:
                # the report has a snippet where a person has to choose the place
                with contextlib.suppress(UsageError, OSError, SyntaxError, ValueError):
                    patch = write_patch(Path.cwd(), finding, remedy, recording.document("app"))
                    found[remedy_id] = patch.diff()
    return found


def _write(lab: Lab, trials: Sequence[Trial], more: Mapping[str, object]) -> None:
    document = {"trials": [asdict(each) for each in trials], **more}
    write_document(lab.recording, "trials", document)


def _is_what_if(each: Hypothesis) -> bool:
    return INTERVENTIONS[each.remedy.intervention].is_what_if


def _why_not(each: Hypothesis, paired: Sequence[Hypothesis], extent: Extent) -> str:
    if each in paired[: extent.remedies]:
        return "no request to its routes was sampled"
    if each in paired:
        return f"only the first {extent.remedies} remedies are tried in a run"
    return f"only the first {extent.server_remedies} changes of the server are tried in a run"


def _requests(
    lab: Lab, recording: Recording, wanted: Sequence[Hypothesis], most_routes: int
) -> dict[str, list[SentRequest]]:
    """Return route → requests to replay, for the routes that some remedy should help."""
    helped = list(dict.fromkeys(route for each in wanted for route in sorted(each.routes)))
    found = requests_of(lab, recording, helped)
    return dict(list(found.items())[:most_routes])


def requests_of(
    lab: Lab, recording: Recording, routes: Sequence[str]
) -> dict[str, list[SentRequest]]:
    """Return route → requests of the load, latest first; without routes that have none.

    The latest are the likeliest to be answered again: sessions end while a load goes on.

    Args:
        lab: Of the run that the load belongs to.
        recording: Of that run.
        routes: Wanted.
    """
    known = {row.request_id: row.route for row in recording.requests if row.request_id}
    found: dict[str, list[SentRequest]] = {route: [] for route in routes}
    for each in read_transcripts(lab.run.private):
        route = known.get(each.request_id, "")
        # after a redirect the id is that of another request
        if route in found and each.status < 400 and route.startswith(f"{each.method} "):
            request = SentRequest(
                route, each.method, each.path, each.headers, each.body, each.status
            )
            found[route].append(request)
    return {route: _latest(each, _CANDIDATES_PER_ROUTE) for route, each in found.items() if each}


def _latest(requests: Sequence[SentRequest], most: int) -> list[SentRequest]:
    """Return different requests, so that one popular page does not stand for all; latest first."""
    different = {(each.path, each.headers, each.body): each for each in reversed(requests)}
    return list(different.values())[:most]


class _Experiment:
    """All launches that compare remedies side by side."""

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

    def run(self, budget_s: float, launches: int) -> tuple[list[Trial], Ladder | None]:
        """Return the trials, A/A first, and the ladder."""
        self._on_step(f"experiment: {len(self._wanted)} remedies, copies of the data")
        copies = Copies(self._lab, self._wanted, self._writing)
        try:
            arms = copies.give(arms_of(self._wanted, list(self._requests)), self._on_step)
            bench = self._bench(copies, arms)
            self._on_step("experiment: look which requests can be sent again")
            (spare,) = copies.give([spare_arm(self._requests)], self._on_step)
            bench = replace(bench, requests=rehearse(bench, spare, _REQUESTS_PER_ROUTE))
            results = self._launches(bench, budget_s, launches)
        finally:
            copies.discard()
        trials = self._trials(results, copies)
        asked = Counter(row.route for row in self._recording.requests)
        by_id = {trial.remedy_id: trial for trial in trials}
        return trials, ladder_of(self._wanted, by_id, results, asked)

    def _bench(self, copies: Copies, arms: Sequence[ArmPlan]) -> Bench:
        inside = [
            each
            for each in self._wanted
            if INTERVENTIONS[each.remedy.intervention].where == "target"
        ]
        numbers = {each.remedy_id: number for number, each in enumerate(inside)}
        return Bench(
            lab=self._lab,
            base=copies.base,
            changes=tuple(map(_change, inside)),
            arms=tuple(
                replace(arm, changes=frozenset(numbers[i] for i in arm.remedies if i in numbers))
                for arm in arms
            ),
            requests=self._requests,
            clock=self._clock,
            writing=self._writing,
        )

    def _launches(self, bench: Bench, budget_s: float, count: int) -> list[LaunchResult]:
        rng = random.Random(self._lab.settings.integer("random_seed"))
        end = self._clock.monotonic_ns() + int(budget_s * 1e9)
        overhead_s = 2.0
        results: list[LaunchResult] = []
        while len(results) < count:
            before = self._clock.monotonic_ns()
            left_s = max(0.0, (end - before) / 1e9)
            if left_s == 0.0 and len(results) >= _LEAST_LAUNCHES:
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

    def _trials(self, results: Sequence[LaunchResult], copies: Copies) -> list[Trial]:
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
        trials = [null]
        for each in self._wanted:
            effects = effects_of(each.remedy_id, results, level=LEVEL, share=each.share)
            reason = copies.refused.get(each.remedy_id, "")
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
                    prices=copies.prices.get(each.remedy_id) or _assumed(each),
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


def _assumed(each: Hypothesis) -> dict[str, float] | None:
    return {"enqueue_assumed_s": ENQUEUE_S} if each.remedy.intervention == "offload" else None


_NOT_REPLAYED = "its requests, sent again, were not answered as they were under load"


def _own(bench: Bench) -> frozenset[str]:
    """Return the databases that some arm must have connected to."""
    return frozenset(
        arm.databases.main.name
        for arm in bench.arms
        if arm.databases is not None and arm.name != "null"
    )
