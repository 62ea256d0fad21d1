"""What fits into the time: which remedies are measured.

A claim needs several launches with ``LEAST_ROUNDS`` pairs each. Where there is no time for that,
the remedies that come last are left out: findings stand in the order of the seconds that are
attributed to them.

References:
    T. Kalibera, R. Jones, "Rigorous Benchmarking in Reasonable Time", ISMM 2013: so many launches
    that a further one would cost more than the pairs that fit into its boot would tell.
    K. Jamieson, A. Talwalkar, "Non-stochastic Best Arm Identification", 2016: arms that can no
    longer matter give their time to the others.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from flask_assay.experiments.arms import ArmPlan
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.writes import has_unsafe_method

__all__ = [
    "LEAST_REMEDIES",
    "LEAST_ROUNDS",
    "MOST_ROUNDS",
    "WARM_UP_ROUNDS",
    "Schedule",
    "schedule",
    "without",
]

LEAST_ROUNDS = 4
MOST_ROUNDS = 30
"""So many pairs tell a launch's figure better than its luck allows: the rest is given back."""
LEAST_REMEDIES = 4
"""So many are tried whatever the time, as a slow machine would else try none."""
WARM_UP_ROUNDS = 1
# What the server and the client add to each request beside the view.
_EXCHANGE_S = 0.001


@dataclass(frozen=True, slots=True)
class Schedule:
    """The arms that are measured.

    Attributes:
        arms: Base and null first.
        left_out: Remedies that no time is left for, the dearest finding first.
        combinations_left_out: Arms with several remedies that no time is left for.
    """

    arms: tuple[ArmPlan, ...]
    left_out: tuple[str, ...] = ()
    combinations_left_out: int = 0


def schedule(
    arms: Sequence[ArmPlan],
    wanted: Sequence[Hypothesis],
    request_s: Mapping[str, float],
    *,
    launch_s: float,
) -> Schedule:
    """Return what fits, and the first ``LEAST_REMEDIES`` whatever the time.

    Args:
        arms: All, base and null first.
        wanted: Dearest finding first.
        request_s: Route → seconds of one request.
        launch_s: Seconds of each launch, its boot not counted.
    """
    rank = {each.remedy_id: number for number, each in enumerate(wanted)}
    left = list(arms)
    dropped: list[ArmPlan] = []
    # a combination goes before the remedies it is made of; the cheapest finding goes first
    order = sorted(
        (arm for arm in arms if arm.remedies),
        key=lambda arm: (len(arm.remedies) > 1, max(rank[each] for each in arm.remedies)),
    )
    while len(order) > LEAST_REMEDIES and _seconds(left, request_s) > launch_s:
        dropped.append(order.pop())
        left = without(left, {dropped[-1].name})
    single = [arm.remedies[0] for arm in dropped if len(arm.remedies) == 1]
    return Schedule(tuple(left), tuple(reversed(single)), len(dropped) - len(single))


def without(arms: Sequence[ArmPlan], dropped: set[str]) -> list[ArmPlan]:
    """Return the other arms; base and null only where some other arm is left."""
    rest = [arm for arm in arms if arm.name not in dropped]
    needed = frozenset(route for arm in rest if arm.remedies for route in arm.routes)
    return [arm if arm.remedies else replace(arm, routes=needed) for arm in rest]


def _seconds(arms: Sequence[ArmPlan], request_s: Mapping[str, float]) -> float:
    """Return how long the least number of rounds takes."""
    rounds = WARM_UP_ROUNDS + LEAST_ROUNDS
    # what one arm writes, the data of all others get too
    written = {route for arm in arms for route in arm.routes if has_unsafe_method(route)}
    return sum(
        (rounds + arm.learns) * (request_s.get(route, 0.0) + _EXCHANGE_S)
        for arm in arms
        for route in arm.routes | written
    )
