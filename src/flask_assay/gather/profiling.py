"""Sample the CPU stacks of each route: in the main thread, where the kernel's timer is exact.

The load itself is not sampled; its threads' clocks say how much CPU each route used, and the
samples say where.
"""

import itertools
import math
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_assay.gather.again import Sender, alone
from flask_assay.gather.allotment import allotted_s
from flask_assay.gather.lab import Copy, Lab
from flask_assay.gather.progress import Telling
from flask_assay.gather.py_spy import NAME as PY_SPY
from flask_assay.gather.py_spy import PySpy, spied
from flask_assay.load.transcript import Said
from flask_assay.model.clock import Clock
from flask_assay.model.cpu import mean_cpu_ns, total_cpu_ns
from flask_assay.model.rows import RequestRow
from flask_assay.probe.plan import ProbePlan
from flask_assay.recording.directory import EVENTS, read_lines
from flask_assay.recording.reader import Recording

__all__ = ["RoutePlan", "plans_of", "profile"]

INTERVAL_S = 0.001
CPU_S = 0.18  # of each route; a kernel's timer often ticks every 4 ms only
BUSY_S = 0.0015  # mean CPU of a request; of routes with less, a few show enough
FEW_REQUESTS, MOST_REQUESTS = 4, 90
MOST_TRIES = 3  # times the answers that are wanted
ROUNDS = 3
LEAST_OF_TURN = 2
_TURN_NS = 400_000_000  # of each route in a round; a route that waits much is sampled less
BUDGET_S, BUDGET_QUICK_S = 12.0, 5.0
SHARE = 0.09  # of what is left of a limited run
_SAFE = ("GET ", "HEAD ", "OPTIONS ")


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """What to send for one route.

    Attributes:
        route: "GET /orders".
        requests: To take in turn; of a route that writes each only once.
        count: Requests that are enough.
    """

    route: str
    requests: Sequence[Said]
    count: int


def plans_of(wanted: Mapping[str, Sequence[Said]], recording: Recording) -> list[RoutePlan]:
    """Return what to send, routes that used most CPU in the load first.

    Args:
        wanted: Route → different requests of the load.
        recording: Of the load.
    """
    used: dict[str, list[RequestRow]] = {}
    for row in recording.requests:
        used.setdefault(row.route, []).append(row)
    found = []
    for route in sorted(wanted, key=lambda name: -total_cpu_ns(used.get(name, ()))):
        mean_s = mean_cpu_ns(used.get(route, ())) / 1e9
        enough = min(MOST_REQUESTS, math.ceil(CPU_S / mean_s)) if mean_s >= BUSY_S else 0
        found.append(RoutePlan(route, wanted[route], max(FEW_REQUESTS, enough)))
    return found


def profile(
    lab: Lab, copy: Copy, plans: Sequence[RoutePlan], clock: Clock, tell: Telling
) -> dict[str, Any]:
    """Return the document ``profile.json``.

    Args:
        lab: Servers.
        copy: Data that nobody else uses.
        plans: What to send.
        clock: Source of time.
        tell: Told how far it is.
    """
    wanted = ProbePlan(
        Path(),
        Path.cwd(),
        sensors=("requests", "endpoint-cpu"),
        stacks=True,
        stacks_of_numbered=True,
        stack_interval_s=INTERVAL_S,
    )
    wanted_s = BUDGET_QUICK_S if lab.settings.flag("quick") else BUDGET_S
    budget_s = allotted_s(lab, wanted_s, SHARE)
    spies = lab.settings.text("sampler") == PY_SPY
    with (
        alone(lab, copy, "profile", wanted, is_observed=spies) as (sender, directory),
        _watched(lab, directory) if spies else nullcontext(PySpy()) as seen,
    ):
        end = clock.monotonic_ns() + int(budget_s * 1e9)
        routes = [_Route(plan) for plan in plans]
        # In rounds: if the time does not suffice, all routes have samples of some CPU.
        for part in range(1, ROUNDS + 1):
            for route in routes:
                tell(f"sample where CPU goes: round {part} of {ROUNDS} over {len(routes)} routes")
                route.send(sender, part / ROUNDS, clock, end)
    # Both samplers are at work: where one is refused, the other's samples are there.
    found = _document(directory)
    if not spies:
        return found
    return seen.document(Path.cwd()) or found | {"reason": seen.reason or "py-spy saw no sample"}


def _watched(lab: Lab, directory: Path) -> AbstractContextManager[PySpy]:
    """Return what samples the only worker of a target from outside."""
    events = read_lines(directory, EVENTS)
    pid = next(int(str(one["pid"])) for one in events if one.get("event") == "worker-ready")
    return spied(lab.supervisor, pid, directory)


class _Route:
    """One route's requests: the first for what is done once, then those that count."""

    def __init__(self, plan: RoutePlan) -> None:
        self._plan = plan
        is_safe = plan.route.startswith(_SAFE)
        tries = itertools.cycle(plan.requests) if is_safe else iter(plan.requests)
        self._turns = itertools.islice(tries, MOST_TRIES * plan.count)
        self._answered = 0

    def send(self, sender: Sender, part: float, clock: Clock, end_ns: int) -> None:
        """Send until a part of its requests is answered, or the time is over."""
        turn_ns, sent = clock.monotonic_ns() + _TURN_NS, 0
        while self._answered <= part * self._plan.count:
            now = clock.monotonic_ns()
            said = next(self._turns, None)
            if said is None or now >= end_ns or (now >= turn_ns and sent >= LEAST_OF_TURN):
                return
            if sender.may_succeed(said):
                status, _ = sender.send(said, self._answered)
                self._answered += status // 100 == said.status // 100
                sent += 1


def _document(directory: Path) -> dict[str, Any]:
    stacks: dict[str, int] = {}
    facts: dict[str, Any] = {}
    for file in Recording(directory).probe_files:
        told = file.counters.get("stacks")
        facts |= told if isinstance(told, dict) else {}
        for stack, weight in file.stacks.items():
            stacks[stack] = stacks.get(stack, 0) + weight
    return facts | {"stacks": stacks}
