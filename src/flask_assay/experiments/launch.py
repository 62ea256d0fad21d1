"""One launch: fresh processes; each request goes to all of its arms in random order.

The unit of replication is the launch, because requests of one process share its luck (heap
layout, hash seed, placement). All arms share one process where the app's databases can be
switched request by request, which is the case for SQLAlchemy engines; else each database gets a
process of its own.
"""

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from math import sqrt
from pathlib import Path
from statistics import fmean

from flask_assay.experiments.arms import BASE, NULL, ArmPlan
from flask_assay.experiments.oracle import Oracle, worst
from flask_assay.experiments.replay import Answer, Client, SentRequest
from flask_assay.experiments.schedule import LEAST_ROUNDS, MOST_ROUNDS, WARM_UP_ROUNDS
from flask_assay.experiments.writes import has_unsafe_method
from flask_assay.gather.lab import Copy, Databases, Lab
from flask_assay.gather.target import Target
from flask_assay.model.clock import Clock
from flask_assay.model.deadline import Deadline
from flask_assay.model.effect import OracleVerdict

__all__ = ["Bench", "Host", "Key", "LaunchResult", "run_launch"]

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Bench:
    """What all launches of an experiment have in common.

    Attributes:
        lab: The run's servers.
        base: Data of the unchanged app, and the Redis of all arms.
        changes: (registered name, parameters) of the changes inside the target.
        arms: All arms, base and null first.
        requests: Route → requests to replay, in the same order for every arm.
        clock: Source of time.
        writing: Routes whose requests write.
        repeatable: Those among them whose requests succeed a second time.
        is_apart: Whether each database needs a process of its own.
    """

    lab: Lab
    base: Copy
    changes: tuple[tuple[str, dict[str, object]], ...]
    arms: tuple[ArmPlan, ...]
    requests: Mapping[str, Sequence[SentRequest]]
    clock: Clock
    writing: frozenset[str] = frozenset()
    repeatable: frozenset[str] = frozenset()
    is_apart: bool = False


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """What one launch measured.

    Attributes:
        pairs: (arm, route) → per request (unchanged seconds, arm seconds). Unchanged is the
            geometric mean of base and null; for the null arm itself it is the base.
        verdicts: (arm, route) → worst verdict of the launch's requests.
        statements: (arm, route) → mean statements per request (base, arm).
        body_bytes: (arm, route) → mean bytes of a body (base, arm).
        reached: Names of the databases that somebody was connected to.
        exchange_s: Route → mean seconds of one request to one of its arms.
        spent_s: Seconds of all of them, the warm-up left out.
        volatile: Route → what differed in the answers of the unchanged app.
        limited: Routes on which the app refused some arm for asking too often (429).
    """

    pairs: Mapping[Key, list[tuple[float, float]]]
    verdicts: Mapping[Key, tuple[OracleVerdict, str]]
    statements: Mapping[Key, tuple[float, float]] = field(default_factory=dict)
    body_bytes: Mapping[Key, tuple[float, float]] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()
    exchange_s: Mapping[str, float] = field(default_factory=dict)
    spent_s: float = 0.0
    volatile: Mapping[str, frozenset[str]] = field(default_factory=dict)
    limited: frozenset[str] = frozenset()


def run_launch(
    bench: Bench, rng: random.Random, *, budget_s: float, deadline: Deadline
) -> LaunchResult:
    """Boot, alternate the requests until the time is up, stop.

    Args:
        bench: What is measured.
        rng: Decides the order of arms within each request.
        budget_s: Seconds of measuring; a slow app gets its least number of rounds all the same.
        deadline: When the last request is sent, whatever was measured until then.
    """
    with ExitStack() as stack:
        seats: dict[str, Host] = {}
        for arms in _hosted(bench):
            host = Host(bench, arms)
            stack.callback(host.stop)
            seats |= {arm.name: host for arm in arms}
        session = _Session(bench, seats, rng)
        for _ in range(WARM_UP_ROUNDS):
            session.round(deadline)
        session.forget()
        for _ in range(LEAST_ROUNDS):
            session.round(deadline)
        soon = deadline.within(budget_s - session.spent_s)
        while not soon.is_over and (route := session.least_served()):
            session.turn(route)
        return session.result(_reached(bench))


def _hosted(bench: Bench) -> list[list[ArmPlan]]:
    """Return the arms of each process."""
    if not bench.is_apart:
        return [list(bench.arms)]
    found: dict[tuple[str, str], list[ArmPlan]] = {}
    for arm in bench.arms:
        assert arm.databases is not None
        found.setdefault((arm.databases.main.name, arm.directory), []).append(arm)
    return list(found.values())


class Host:
    """One process and a connection to it."""

    def __init__(self, bench: Bench, arms: Sequence[ArmPlan]) -> None:
        self.arms = arms
        home = arms[0].databases
        assert home is not None
        lab = bench.lab
        directory = lab.run.private / f"launch-{lab.next_number()}"
        directory.mkdir()
        plan = lab.plan(
            lab.route(Copy(home, bench.base.valkey)),
            directory,
            probe=None,
            interventions=[(name, dict(values)) for name, values in _changes(bench, arms[0])],
            arms={arm.name: _orders(arm, home) for arm in arms},
            # the replay is sequential: more processes would only cost memory
            gunicorn_overrides={"workers": 1},
        )
        if arms[0].directory:
            plan = replace(plan, directory=arms[0].directory)
        self._target: Target = lab.boot(plan)
        self._clock = bench.clock
        self.client = Client(self._target.address, bench.clock)

    def impatient(self, timeout_s: float) -> Client:
        """Return another client, which gives up after so long and does not ask again."""
        return Client(self._target.address, self._clock, timeout_s=timeout_s, attempts=1)

    def stop(self) -> None:
        """End the process; nothing it holds is needed any more."""
        self.client.close()
        self._target.process.stop(deadline_s=1.0)


def _changes(bench: Bench, arm: ArmPlan) -> tuple[tuple[str, dict[str, object]], ...]:
    if not arm.directory:
        return bench.changes
    return (*bench.changes, ("imported-from", {"original": str(Path.cwd())}))


def _orders(arm: ArmPlan, home: Databases) -> dict[str, object]:
    assert arm.databases is not None
    pairs = zip(home.all(), arm.databases.all(), strict=True)
    names = {one.name: other.name for one, other in pairs if one.name != other.name}
    return {"changes": sorted(arm.changes), "databases": names}


def _reached(bench: Bench) -> frozenset[str]:
    connected = "SELECT DISTINCT datname FROM pg_stat_activity WHERE datname <> ''"
    rows = bench.lab.postgres.sql(None, connected)
    return frozenset(row[0] for row in rows)


class _Session:
    """The exchanges of one launch."""

    def __init__(self, bench: Bench, seats: Mapping[str, Host], rng: random.Random) -> None:
        self._bench, self._seats, self._rng = bench, seats, rng
        self._visited: set[tuple[str, str, int]] = set()
        self._numbers: Counter[str] = Counter()
        self._spent_s: dict[str, float] = {}
        self._seen: dict[str, list[tuple[SentRequest, dict[str, Answer]]]] = {}
        self.forget()

    def forget(self) -> None:
        """Drop what was measured so far: it was warm-up."""
        self._spent_s = dict.fromkeys(self._bench.requests, 0.0)
        self._asked: Counter[str] = Counter()
        self._seen = {route: [] for route in self._bench.requests}

    @property
    def spent_s(self) -> float:
        """Seconds of the turns so far."""
        return sum(self._spent_s.values())

    def round(self, deadline: Deadline) -> None:
        """Send one request of each route to all of its arms, as long as there is time."""
        for route in self._bench.requests:
            if not deadline.is_over:
                self.turn(route)

    def least_served(self) -> str:
        """Return the route on which one more turn tells most; "" if no other launch would gain.

        The error of a route falls with the root of its turns: for the least sum of variances,
        the number of turns goes with one over the root of what a turn costs.
        """
        costs = {
            route: spent_s * len(self._seen[route])
            for route, spent_s in self._spent_s.items()
            if len(self._seen[route]) < MOST_ROUNDS
        }
        return min(costs, key=costs.__getitem__, default="")

    def turn(self, route: str) -> None:
        """Send the next request of a route to all of its arms, in random order."""
        available = self._bench.requests[route]
        at = self._numbers[route] % len(available)
        self._numbers[route] += 1
        taking = [arm for arm in self._bench.arms if route in arm.routes]
        asked = list(taking)
        self._rng.shuffle(asked)
        begin = self._bench.clock.monotonic_ns()
        by_arm = {arm.name: self._send(arm, route, at) for arm in asked}
        if has_unsafe_method(route) or any(answer.writes for answer in by_arm.values()):
            self._keep_pace(taking, available[at])
        spent_s = (self._bench.clock.monotonic_ns() - begin) / 1e9
        self._spent_s[route] += spent_s
        self._asked[route] += len(asked)
        self._seen[route].append((available[at], by_arm))

    def _keep_pace(self, taking: Sequence[ArmPlan], request: SentRequest) -> None:
        """Send a request that wrote to one arm of each other copy, which would else lack it."""
        written = set(map(_data, taking))
        others = {_data(arm): arm for arm in self._bench.arms if _data(arm) not in written}
        for arm in others.values():
            self._asked[request.route] += 1
            self._seats[arm.name].client.send(request, arm=arm.name)

    def _send(self, arm: ArmPlan, route: str, at: int) -> Answer:
        client = self._seats[arm.name].client
        request = self._bench.requests[route][at]
        visit = (arm.name, route, at)
        if arm.learns and visit not in self._visited and self._may_learn(route):
            learning = client.send(request, arm=arm.name)
            if learning.writes or has_unsafe_method(route):
                self._keep_pace([arm], request)
        self._visited.add(visit)
        return client.send(request, arm=arm.name)

    def _may_learn(self, route: str) -> bool:
        """Whether a request may be sent once more, for nothing but what it teaches."""
        return not has_unsafe_method(route) or route in self._bench.repeatable

    def result(self, reached: frozenset[str]) -> LaunchResult:
        """Return what the rounds showed."""
        pairs: dict[Key, list[tuple[float, float]]] = {}
        verdicts: dict[Key, tuple[OracleVerdict, str]] = {}
        statements: dict[Key, tuple[float, float]] = {}
        sizes: dict[Key, tuple[float, float]] = {}
        volatile: dict[str, frozenset[str]] = {}
        for route in self._bench.requests:
            seen = [each for each in self._seen[route] if _is_same(*each)]
            oracle = Oracle()
            for _, answers in seen:
                oracle.learn(answers[BASE], answers[NULL])
            volatile[route] = frozenset(oracle.volatile)
            names = {name for _, answers in seen for name in answers} - {BASE}
            for name in names:
                both = [(answers[BASE], answers[name]) for _, answers in seen]
                pairs[name, route] = [_pair(answers, name) for _, answers in seen]
                verdicts[name, route] = worst(
                    oracle.compare_with_either(answers[BASE], answers[NULL], answers[name])
                    for _, answers in seen
                )
                if both:
                    sizes[name, route] = (
                        fmean(len(one.body) for one, _ in both),
                        fmean(len(other.body) for _, other in both),
                    )
                counted = [
                    (one.statements, other.statements)
                    for one, other in both
                    if one.statements is not None and other.statements is not None
                ]
                if counted:
                    means = (fmean(each) for each in zip(*counted, strict=True))
                    statements[name, route] = (next(means), next(means))
        return LaunchResult(
            {key: each for key, each in pairs.items() if each},
            verdicts,
            statements,
            sizes,
            reached,
            {route: self._spent_s[route] / count for route, count in self._asked.items()},
            self.spent_s,
            volatile,
            frozenset(
                route
                for route, seen in self._seen.items()
                if any(_is_limited(*each) for each in seen)
            ),
        )


def _data(arm: ArmPlan) -> str:
    return arm.databases.main.name if arm.databases is not None else ""


def _pair(answers: Mapping[str, Answer], name: str) -> tuple[float, float]:
    """Return seconds without and with the changes; base and null both stand for without."""
    base, null, changed = (answers[each].wall_s or 1e-9 for each in (BASE, NULL, name))
    return (base if name == NULL else sqrt(base * null), changed)


def _is_same(request: SentRequest, answers: Mapping[str, Answer]) -> bool:
    """Whether the unchanged app answered the replay as it answered the load, and served all."""
    is_as_before = answers[BASE].status // 100 == request.status // 100
    return is_as_before and not _is_limited(request, answers)


def _is_limited(request: SentRequest, answers: Mapping[str, Answer]) -> bool:
    """Whether some arm was refused for asking too often, which is no fault of its change."""
    statuses = {answer.status for answer in answers.values()} - {request.status}
    return HTTPStatus.TOO_MANY_REQUESTS in statuses
