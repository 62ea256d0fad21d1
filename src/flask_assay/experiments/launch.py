"""One launch: every arm is a fresh process; their requests alternate within one minute.

The unit of replication is the launch, because requests of one process share its luck (heap
layout, hash seed, placement); within it, each request goes to all arms in random order.
"""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from flask_assay.experiments.oracle import Oracle, worst
from flask_assay.experiments.replay import Answer, Client, SentRequest
from flask_assay.gather.lab import Copy, Lab
from flask_assay.gather.target import Target
from flask_assay.model.clock import Clock
from flask_assay.model.effect import OracleVerdict

__all__ = ["Arm", "ArmPlan", "LaunchResult", "run_launch"]

_WARM_UP_ROUNDS = 2


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """What one arm runs.

    Attributes:
        name: "base", "null", or the id of a remedy.
        copy: Its own data.
        interventions: (name, parameters) applied inside the target.
        gunicorn_overrides: Changed server settings.
        routes: Routes whose requests it gets; empty means all.
    """

    name: str
    copy: Copy
    interventions: tuple[tuple[str, dict[str, object]], ...] = ()
    gunicorn_overrides: Mapping[str, object] = field(default_factory=dict)
    routes: frozenset[str] = frozenset()

    def takes(self, route: str) -> bool:
        """Whether requests of this route go to it."""
        return not self.routes or route in self.routes


@dataclass(slots=True)
class Arm:
    """A booted arm of one launch."""

    plan: ArmPlan
    target: Target
    client: Client


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """What one launch measured.

    Attributes:
        pairs: (arm, route) → per request (base seconds, arm seconds).
        verdicts: (arm, route) → worst verdict of the launch's requests.
    """

    pairs: Mapping[tuple[str, str], list[tuple[float, float]]]
    verdicts: Mapping[tuple[str, str], tuple[OracleVerdict, str]]


def run_launch(
    lab: Lab,
    plans: Sequence[ArmPlan],
    requests: Mapping[str, Sequence[SentRequest]],
    rng: random.Random,
    *,
    clock: Clock,
    budget_s: float,
) -> LaunchResult:
    """Boot every arm, alternate the requests until the time is up, stop every arm.

    Args:
        lab: The run's servers.
        plans: Arms; the first is the base, the second the null arm.
        requests: Route → requests to replay, in the same order for every arm.
        rng: Decides the order of arms within each request.
        clock: Source of time.
        budget_s: Seconds of measuring; every route gets at least one round.
    """
    arms = _boot(lab, plans, clock)
    try:
        for number in range(_WARM_UP_ROUNDS):
            _round(arms, requests, number, rng)
        return _measure(arms, requests, rng, clock, budget_s)
    finally:
        for arm in arms:
            arm.client.close()
            arm.target.stop()


def _boot(lab: Lab, plans: Sequence[ArmPlan], clock: Clock) -> list[Arm]:
    with ThreadPoolExecutor(2) as pool:
        targets = list(pool.map(lambda plan: _boot_one(lab, plan), plans))
    return [
        Arm(plan, target, Client(target.address, clock))
        for plan, target in zip(plans, targets, strict=True)
    ]


def _boot_one(lab: Lab, arm: ArmPlan) -> Target:
    directory = lab.run.private / f"arm-{arm.name.replace('/', '-')}"
    directory.mkdir(exist_ok=True)
    plan = lab.plan(
        lab.route(arm.copy),
        directory,
        interventions=[(name, dict(values)) for name, values in arm.interventions],
        # one process per arm: the replay is sequential, so more would only cost memory
        gunicorn_overrides={"workers": 1, **arm.gunicorn_overrides},
    )
    return lab.boot(replace(plan, probe=None))


def _round(
    arms: Sequence[Arm],
    requests: Mapping[str, Sequence[SentRequest]],
    number: int,
    rng: random.Random,
) -> dict[str, dict[str, Answer]]:
    """Send one request of each route to all of its arms; return route → arm → answer."""
    answers: dict[str, dict[str, Answer]] = {}
    for route, available in requests.items():
        request = available[number % len(available)]
        taking = [arm for arm in arms if arm.plan.takes(route)]
        rng.shuffle(taking)
        answers[route] = {arm.plan.name: arm.client.send(request) for arm in taking}
    return answers


def _measure(
    arms: Sequence[Arm],
    requests: Mapping[str, Sequence[SentRequest]],
    rng: random.Random,
    clock: Clock,
    budget_s: float,
) -> LaunchResult:
    base, null = arms[0].plan.name, arms[1].plan.name
    oracles = {route: Oracle() for route in requests}
    rounds: list[dict[str, dict[str, Answer]]] = []
    end = clock.monotonic_ns() + int(budget_s * 1e9)
    while not rounds or clock.monotonic_ns() < end:
        answers = _round(arms, requests, len(rounds) + _WARM_UP_ROUNDS, rng)
        for route, by_arm in answers.items():
            oracles[route].learn(by_arm[base], by_arm[null])
        rounds.append(answers)
    pairs: dict[tuple[str, str], list[tuple[float, float]]] = {}
    found: dict[tuple[str, str], list[tuple[OracleVerdict, str]]] = {}
    for answers in rounds:
        for route, by_arm in answers.items():
            for name, answer in by_arm.items():
                if name != base:
                    key = (name, route)
                    if answer.wall_s and by_arm[base].wall_s:
                        pairs.setdefault(key, []).append((by_arm[base].wall_s, answer.wall_s))
                    verdict = oracles[route].compare(by_arm[base], answer)
                    found.setdefault(key, []).append(verdict)
    return LaunchResult(pairs, {key: worst(each) for key, each in found.items()})
