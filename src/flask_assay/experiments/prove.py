"""Turn findings into trials: what each remedy saves, alone, on the whole request."""

import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict

from flask_assay.errors import AssayError
from flask_assay.experiments.estimate import LEVEL, effects_of, outcome_of
from flask_assay.experiments.hypothesis import Hypothesis, hypotheses
from flask_assay.experiments.launch import ArmPlan, LaunchResult, run_launch
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.experiments.replay import SentRequest, sent_requests
from flask_assay.experiments.under_load import try_under_load
from flask_assay.gather.lab import Copy, Lab
from flask_assay.model.clock import Clock
from flask_assay.model.effect import Trial
from flask_assay.model.finding import Finding
from flask_assay.recording.directory import write_document
from flask_assay.recording.reader import Recording

__all__ = ["prove"]

LAUNCHES = 6
_MOST_ARMS = 8
_MOST_SERVER_ARMS = 2
_MOST_ROUTES = 10
_REQUESTS_PER_ROUTE = 12


def prove(
    lab: Lab,
    recording: Recording,
    findings: Sequence[Finding],
    *,
    clock: Clock,
    budget_s: float,
    on_step: Callable[[str], None],
) -> tuple[Trial, ...]:
    """Try the remedies of the findings, write ``trials.json`` and return the trials.

    Args:
        lab: The run's servers; no target may be up.
        recording: Of the run.
        findings: Ranked.
        clock: Source of time.
        budget_s: Seconds for all launches together, database copies not counted.
        on_step: Told what is going on.
    """
    every = hypotheses(findings)
    competing = [each for each in every if INTERVENTIONS[each.remedy.intervention].needs_load]
    wanted = [each for each in every if each not in competing][:_MOST_ARMS]
    requests = _requests(lab, recording, wanted)
    known = [each for each in wanted if each.routes & requests.keys()]
    trials = [
        each.untried("no request to its routes was sampled") for each in wanted if each not in known
    ]
    trials += [
        each.untried(f"only the first {_MOST_ARMS} remedies are tried in a run")
        for each in every
        if each not in competing and each not in wanted
    ]
    shares = 2 if known and competing else 1
    if known:
        trials += _experiment(lab, known, requests, clock, budget_s / shares, on_step)
    if competing and lab.load_plan is not None:
        trials += try_under_load(
            lab,
            lab.load_plan,
            competing[:_MOST_SERVER_ARMS],
            clock=clock,
            budget_s=budget_s / shares,
            on_step=on_step,
        )
    write_document(lab.recording, "trials", {"trials": [asdict(each) for each in trials]})
    return tuple(trials)


def _requests(
    lab: Lab, recording: Recording, wanted: Sequence[Hypothesis]
) -> dict[str, list[SentRequest]]:
    """Return route → requests to replay, for the routes that some remedy should help."""
    routes = {row.request_id: row.route for row in recording.requests if row.request_id}
    helped = {route for each in wanted for route in each.routes}
    found: dict[str, list[SentRequest]] = {}
    for request in sent_requests(lab.run.private, routes):
        if request.route in helped and request.status < 400:
            found.setdefault(request.route, []).append(request)
    return {route: found[route][:_REQUESTS_PER_ROUTE] for route in list(found)[:_MOST_ROUTES]}


def _experiment(
    lab: Lab,
    wanted: Sequence[Hypothesis],
    requests: Mapping[str, Sequence[SentRequest]],
    clock: Clock,
    budget_s: float,
    on_step: Callable[[str], None],
) -> list[Trial]:
    rng = random.Random(lab.settings.integer("random_seed"))
    started = clock.monotonic_ns()
    launches: list[LaunchResult] = []
    prices: dict[str, dict[str, float]] = {}
    refused: dict[str, str] = {}
    on_step(f"experiment: apply {len(wanted)} remedies, each to its own copy")
    # every arm replays the same requests, so the copies stay alike over the launches
    arms = _arms(lab, wanted, prices, refused)
    try:
        for number in range(LAUNCHES):
            on_step(f"experiment: launch {number + 1} of {LAUNCHES}, {len(arms)} processes")
            share_s = budget_s / LAUNCHES
            launches.append(run_launch(lab, arms, requests, rng, clock=clock, budget_s=share_s))
    finally:
        for arm in arms:
            lab.discard(arm.copy)
    spent_s = (clock.monotonic_ns() - started) / 1e9
    return _trials(wanted, launches, prices, refused, spent_s)


def _arms(
    lab: Lab,
    wanted: Sequence[Hypothesis],
    prices: dict[str, dict[str, float]],
    refused: dict[str, str],
) -> list[ArmPlan]:
    """Return base, null and one arm per hypothesis, each on its own fresh copy."""
    base = ArmPlan("base", lab.copy("base"))
    arms = [base, ArmPlan("null", lab.copy("null"))]
    for number, each in enumerate(wanted):
        if each.remedy_id in refused:
            continue
        copy = lab.copy(f"arm{number}")
        try:
            arms.append(_arm(lab, each, (copy, base.copy), prices))
        except AssayError as error:
            refused[each.remedy_id] = error.what
            lab.discard(copy)
    return arms


def _arm(
    lab: Lab,
    each: Hypothesis,
    copies: tuple[Copy, Copy],
    prices: dict[str, dict[str, float]],
) -> ArmPlan:
    intervention = INTERVENTIONS[each.remedy.intervention]
    copy, unchanged = copies
    inside: tuple[tuple[str, dict[str, object]], ...] = ()
    if intervention.where == "database":
        prices[each.remedy_id] = intervention.change_database(
            lab, copy.databases, unchanged.databases, each.remedy.parameters
        )
    else:
        inside = ((intervention.name, dict(each.remedy.parameters)),)
    return ArmPlan(each.remedy_id, copy, inside, routes=each.routes)


def _trials(
    wanted: Sequence[Hypothesis],
    launches: Sequence[LaunchResult],
    prices: Mapping[str, dict[str, float]],
    refused: Mapping[str, str],
    spent_s: float,
) -> list[Trial]:
    noise = effects_of("null", launches, level=LEVEL)
    claims = len(launches[0].pairs)
    trials = [
        Trial(
            remedy_id="null",
            intervention="none",
            parameters={},
            summary="the unchanged app against itself (A/A)",
            outcome=outcome_of("null", launches, (), claims=claims),
            effects=noise,
            duration_s=spent_s,
        )
    ]
    for each in wanted:
        if each.remedy_id in refused:
            trials.append(each.untried(refused[each.remedy_id]))
            continue
        trials.append(
            Trial(
                remedy_id=each.remedy_id,
                intervention=each.remedy.intervention,
                parameters=each.remedy.parameters,
                summary=each.remedy.summary,
                outcome=outcome_of(each.remedy_id, launches, noise, claims=claims),
                effects=effects_of(each.remedy_id, launches, level=LEVEL),
                prices=prices.get(each.remedy_id),
                duration_s=spent_s,
            )
        )
    return trials
