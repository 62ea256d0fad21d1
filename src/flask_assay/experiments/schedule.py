"""What fits into the time: which arms are measured, and in how many launches.

Every claim needs ``LEAST_LAUNCHES`` launches with ``LEAST_ROUNDS`` pairs each. Where there is no
time for all, combinations of the remedies that cost least are left out first, then those
remedies: findings stand in the order of the seconds that are attributed to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flask_assay.experiments.arms import ArmPlan
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.writes import has_unsafe_method

__all__ = [
    "LEAST_LAUNCHES",
    "LEAST_REMEDIES",
    "LEAST_ROUNDS",
    "WARM_UP_ROUNDS",
    "Schedule",
    "schedule",
]

LEAST_LAUNCHES = 5
LEAST_ROUNDS = 4
LEAST_REMEDIES = 4
"""So many are tried whatever the time, as a slow machine would else try none."""
WARM_UP_ROUNDS = 1
BOOT_S = 2.0
# Rather a little late than without remedies: the estimate is rough, and changed arms are faster.
_OVERRUN = 1.25
# What the server and the client add to each request beside the view.
_EXCHANGE_S = 0.001


@dataclass(frozen=True, slots=True)
class Schedule:
    """The arms that are measured.

    Attributes:
        arms: Base and null first.
        launches: How many.
        left_out: Remedies that no time is left for, the dearest finding first.
        combinations_left_out: Arms with several remedies that no time is left for.
    """

    arms: tuple[ArmPlan, ...]
    launches: int
    left_out: tuple[str, ...] = ()
    combinations_left_out: int = 0


def schedule(
    arms: Sequence[ArmPlan],
    wanted: Sequence[Hypothesis],
    request_s: Mapping[str, float],
    *,
    budget_s: float,
    most_launches: int,
) -> Schedule:
    """Return what fits, and the first ``LEAST_REMEDIES`` whatever the time.

    Args:
        arms: All, base and null first.
        wanted: Dearest finding first.
        request_s: Route → seconds of one request.
        budget_s: Seconds of all launches.
        most_launches: Launches where there is time.
    """
    rank = {each.remedy_id: number for number, each in enumerate(wanted)}
    left = list(arms)
    dropped: list[ArmPlan] = []
    # a combination goes before the remedies it is made of; the cheapest finding goes first
    order = sorted(
        (arm for arm in arms if arm.remedies),
        key=lambda arm: (len(arm.remedies) > 1, max(rank[each] for each in arm.remedies)),
    )
    while (
        len(order) > LEAST_REMEDIES
        and _seconds(left, request_s, LEAST_LAUNCHES) > _OVERRUN * budget_s
    ):
        dropped.append(order.pop())
        left = _without(left, dropped[-1])
    launches = max(
        (
            count
            for count in range(LEAST_LAUNCHES, most_launches + 1)
            if _seconds(left, request_s, count) <= budget_s
        ),
        default=min(LEAST_LAUNCHES, most_launches),
    )
    single = [arm.remedies[0] for arm in dropped if len(arm.remedies) == 1]
    return Schedule(tuple(left), launches, tuple(reversed(single)), len(dropped) - len(single))


def _without(arms: Sequence[ArmPlan], dropped: ArmPlan) -> list[ArmPlan]:
    """Return the other arms; base and null only where some other arm is left."""
    rest = [arm for arm in arms if arm.name != dropped.name]
    needed = frozenset(route for arm in rest if arm.remedies for route in arm.routes)
    return [arm if arm.remedies else replace(arm, routes=needed) for arm in rest]


def _seconds(arms: Sequence[ArmPlan], request_s: Mapping[str, float], launches: int) -> float:
    """Return how long so many launches take with the least number of rounds."""
    rounds = WARM_UP_ROUNDS + LEAST_ROUNDS
    # what one arm writes, the data of all others get too
    written = {route for arm in arms for route in arm.routes if has_unsafe_method(route)}
    per_launch = sum(
        (rounds + arm.learns) * (request_s[route] + _EXCHANGE_S)
        for arm in arms
        for route in arm.routes | written
    )
    return launches * (BOOT_S + per_launch)
