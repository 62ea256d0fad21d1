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
from math import sqrt
from pathlib import Path
from statistics import fmean

from flask_assay.experiments.arms import BASE, NULL, ArmPlan
from flask_assay.experiments.oracle import Oracle, worst
from flask_assay.experiments.replay import Answer, Client, SentRequest
from flask_assay.experiments.schedule import LEAST_ROUNDS, WARM_UP_ROUNDS
from flask_assay.experiments.writes import has_unsafe_method
from flask_assay.gather.lab import Copy, Databases, Lab
from flask_assay.gather.target import Target
from flask_assay.model.clock import Clock
from flask_assay.model.effect import OracleVerdict

__all__ = ["Bench", "Host", "LaunchResult", "run_launch"]

# A slow app gets its least number of rounds, but no more than this many times the budget.
_MOST_OVERRUN = 3

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
        is_apart: Whether each database needs a process of its own.
    """

    lab: Lab
    base: Copy
    changes: tuple[tuple[str, dict[str, object]], ...]
    arms: tuple[ArmPlan, ...]
    requests: Mapping[str, Sequence[SentRequest]]
    clock: Clock
    writing: frozenset[str] = frozenset()
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
    """

    pairs: Mapping[Key, list[tuple[float, float]]]
    verdicts: Mapping[Key, tuple[OracleVerdict, str]]
    statements: Mapping[Key, tuple[float, float]] = field(default_factory=dict)
    body_bytes: Mapping[Key, tuple[float, float]] = field(default_factory=dict)
    reached: frozenset[str] = frozenset()


def run_launch(bench: Bench, rng: random.Random, *, budget_s: float) -> LaunchResult:
    """Boot, alternate the requests until the time is up, stop.

    Args:
        bench: What is measured.
        rng: Decides the order of arms within each request.
        budget_s: Seconds of measuring.
    """
    with ExitStack() as stack:
        seats: dict[str, Host] = {}
        for arms in _hosted(bench):
            host = Host(bench, arms)
            stack.callback(host.stop)
            seats |= {arm.name: host for arm in arms}
        session = _Session(bench, seats, rng)
        for _ in range(WARM_UP_ROUNDS):
            session.round()
        session.forget()
        _measure(session, bench.clock, budget_s)
        return session.result(_reached(bench))


def _measure(session: "_Session", clock: Clock, budget_s: float) -> None:
    """Give each route its least number of pairs, then each route the same time."""
    begin = clock.monotonic_ns()
    end = begin + int(budget_s * 1e9)
    latest = begin + int(_MOST_OVERRUN * budget_s * 1e9)
    for _ in range(LEAST_ROUNDS):
        if clock.monotonic_ns() < latest:
            session.round()
    while clock.monotonic_ns() < end:
        session.turn(session.least_served())


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
        self._seen = {route: [] for route in self._bench.requests}

    def round(self) -> None:
        """Send one request of each route to all of its arms."""
        for route in self._bench.requests:
            self.turn(route)

    def least_served(self) -> str:
        """Return the route that took the least time so far."""
        return min(self._spent_s, key=self._spent_s.__getitem__)

    def turn(self, route: str) -> None:
        """Send the next request of a route to all of its arms, in random order."""
        available = self._bench.requests[route]
        at = self._numbers[route] % len(available)
        self._numbers[route] += 1
        taking = [arm for arm in self._bench.arms if route in arm.routes]
        asked = [*taking, *self._keeping_pace(taking, route)]
        self._rng.shuffle(asked)
        begin = self._bench.clock.monotonic_ns()
        answers = {arm.name: self._send(arm, route, at) for arm in asked}
        by_arm = {arm.name: answers[arm.name] for arm in taking}
        self._spent_s[route] += (self._bench.clock.monotonic_ns() - begin) / 1e9
        self._seen[route].append((available[at], by_arm))

    def _keeping_pace(self, taking: Sequence[ArmPlan], route: str) -> list[ArmPlan]:
        """Return one arm for each other copy of the data, which would else lack what is written.

        Requests that should only read and yet write are not repeated: nearly all routes of an app
        that notes who was seen last do, and what they write is rarely what others answer with.
        """
        if not has_unsafe_method(route):
            return []
        written = set(map(_data, taking))
        others = {_data(arm): arm for arm in self._bench.arms if _data(arm) not in written}
        return list(others.values())

    def _send(self, arm: ArmPlan, route: str, at: int) -> Answer:
        client = self._seats[arm.name].client
        request = self._bench.requests[route][at]
        visit = (arm.name, route, at)
        # where requests write, one more would leave this arm with other data than the base
        if arm.learns and visit not in self._visited and route not in self._bench.writing:
            client.send(request, arm=arm.name)
        self._visited.add(visit)
        return client.send(request, arm=arm.name)

    def result(self, reached: frozenset[str]) -> LaunchResult:
        """Return what the rounds showed."""
        pairs: dict[Key, list[tuple[float, float]]] = {}
        verdicts: dict[Key, tuple[OracleVerdict, str]] = {}
        statements: dict[Key, tuple[float, float]] = {}
        sizes: dict[Key, tuple[float, float]] = {}
        for route in self._bench.requests:
            seen = [each for each in self._seen[route] if _is_same(*each)]
            oracle = Oracle()
            for _, answers in seen:
                oracle.learn(answers[BASE], answers[NULL])
            names = {name for _, answers in seen for name in answers} - {BASE}
            for name in names:
                both = [(answers[BASE], answers[name]) for _, answers in seen]
                pairs[name, route] = [_pair(answers, name) for _, answers in seen]
                verdicts[name, route] = worst(oracle.compare(*each) for each in both)
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
        )


def _data(arm: ArmPlan) -> str:
    return arm.databases.main.name if arm.databases is not None else ""


def _pair(answers: Mapping[str, Answer], name: str) -> tuple[float, float]:
    """Return seconds without and with the changes; base and null both stand for without."""
    base, null, changed = (answers[each].wall_s or 1e-9 for each in (BASE, NULL, name))
    return (base if name == NULL else sqrt(base * null), changed)


def _is_same(request: SentRequest, answers: Mapping[str, Answer]) -> bool:
    """Whether the unchanged app answered the replay as it answered the load."""
    return answers[BASE].status // 100 == request.status // 100
