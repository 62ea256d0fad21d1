"""Look which requests can be repeated, how long they take, and whether they show the problem.

Sessions end and data change while a load goes on, so not every request can be sent again on what
it left. And one that can need not run the statement that a finding is about: a remedy that
changes nothing there would be called useless.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flask_assay.experiments.arms import ArmPlan
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.interventions.switchboard import shape_mark
from flask_assay.experiments.launch import Bench, Host
from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.experiments.writes import has_unsafe_method

__all__ = ["NO_TIME_TO_LOOK", "Rehearsal", "rehearse"]

_NOT_ANSWERED = "its requests, sent again, were not answered as they were under load"
NO_TIME_TO_LOOK = (
    "no time was left to look which of its requests could be repeated (--experiment-s)"
)
_NOT_SHOWN = "none of the {count} requests that could be repeated ran its statement{often}"


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What can be measured.

    Attributes:
        requests: Route → requests to replay, in order.
        request_s: Route → seconds that one of them takes in the unchanged app.
        shown: The hypotheses, each with the routes on which its problem shows.
        not_shown: Remedy id → why it can not be measured on any route.
        repeatable: Routes that write whose requests succeed a second time.
        boot_s: Seconds that a process takes to boot.
    """

    requests: Mapping[str, Sequence[SentRequest]]
    request_s: Mapping[str, float]
    shown: tuple[Hypothesis, ...]
    not_shown: Mapping[str, str]
    repeatable: frozenset[str] = frozenset()
    boot_s: float = 2.0


@dataclass(frozen=True, slots=True)
class _Kept:
    request: SentRequest
    answer: Answer

    def shows(self, each: Hypothesis) -> bool:
        """Whether the request ran what the hypothesis wants to save; unknown counts as yes."""
        wanted = each.statements.get(self.request.route)
        if not wanted or self.answer.shapes is None:
            return True
        return any(
            self.answer.shapes.get(shape_mark(shape), 0) >= each.least_executions
            for shape in wanted
        )


def rehearse(
    bench: Bench,
    arm: ArmPlan,
    most: int,
    wanted: Sequence[Hypothesis] = (),
    most_s: float = math.inf,
) -> Rehearsal:
    """Send requests to the unchanged app and keep those that it answers as under load.

    Args:
        bench: Its requests are all that could be replayed, likeliest first.
        arm: Unchanged, with data that nobody else uses where requests write.
        most: Requests kept per route.
        wanted: What shall be measured with them.
        most_s: Seconds after which no further route is looked at, the boot not counted.
    """
    begin = bench.clock.monotonic_ns()
    host = Host(bench, [arm])
    booted = bench.clock.monotonic_ns()
    kept: dict[str, list[_Kept]] = {}
    repeatable, unseen = set(), set()
    try:
        for route, available in bench.requests.items():
            if kept and bench.clock.monotonic_ns() - booted > most_s * 1e9:
                unseen.add(route)
                continue
            concerned = [each for each in wanted if route in each.routes]
            found = _route(host, arm.name, available, most, concerned)
            if found:
                kept[route] = found
            if found and has_unsafe_method(route) and _succeeds(host, arm.name, found[0].request):
                repeatable.add(route)
    finally:
        host.stop()
    shown = [each for each in (_where_shown(each, kept) for each in wanted) if each.routes]
    ids = {each.remedy_id for each in shown}
    return Rehearsal(
        {route: [each.request for each in found] for route, found in kept.items()},
        {route: _usual_s(found) for route, found in kept.items()},
        tuple(shown),
        {
            each.remedy_id: NO_TIME_TO_LOOK if each.routes & unseen else _why(each, kept)
            for each in wanted
            if each.remedy_id not in ids
        },
        frozenset(repeatable),
        (booted - begin) / 1e9,
    )


def _succeeds(host: Host, arm: str, request: SentRequest) -> bool:
    """Return whether a request is answered once more as it was under load."""
    return host.client.send(request, arm=arm).status // 100 == request.status // 100


def _usual_s(found: Sequence[_Kept]) -> float:
    """Return what a request takes once it is warm: most of these were the first of their kind."""
    return sorted(each.answer.wall_s for each in found)[len(found) // 4]


def _route(
    host: Host, arm: str, available: Sequence[SentRequest], most: int, wanted: Sequence[Hypothesis]
) -> list[_Kept]:
    """Return the first that are answered, the last of them replaced if it takes that to show."""
    kept: list[_Kept] = []
    missing = list(wanted)
    replaceable = most
    for request in available:
        if len(kept) == most and not missing:
            break
        answer = host.client.send(request, arm=arm, tells=True)
        if answer.status // 100 != request.status // 100:
            continue
        one = _Kept(request, answer)
        helps = [each for each in missing if one.shows(each)]
        if len(kept) < most:
            kept.append(one)
        elif helps and replaceable > 1:
            replaceable -= 1
            kept[replaceable] = one
        missing = [each for each in missing if each not in helps]
    return kept


def _where_shown(each: Hypothesis, kept: Mapping[str, Sequence[_Kept]]) -> Hypothesis:
    routes = {
        route for route in each.routes
        if any(one.shows(each) for one in kept.get(route, ()))
    }  # fmt: skip
    return replace(each, routes=frozenset(routes))


def _why(each: Hypothesis, kept: Mapping[str, Sequence[_Kept]]) -> str:
    count = sum(len(kept.get(route, ())) for route in each.routes)
    if not count:
        return _NOT_ANSWERED
    often = " more than once" if each.least_executions > 1 else ""
    return _NOT_SHOWN.format(count=count, often=often)
