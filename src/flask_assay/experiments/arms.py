"""Which arms an experiment has: each remedy alone, and together where they share a route.

Remedies of different routes never meet in a request, so one arm per subset of the remedies of
one route is enough to know every order in which they could be applied.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.gather.lab import Databases

__all__ = ["BASE", "NULL", "ArmPlan", "arm_name", "arms_of", "database_remedies", "spare_arm"]

BASE, NULL = "base", "null"
# Up to here each subset of a route's remedies gets an arm, beyond it each alone and in order.
_MOST_TOGETHER = 3


@dataclass(frozen=True, slots=True)
class ArmPlan:
    """One variant of the target.

    Attributes:
        name: "base", "null", the id of a remedy, or several joined by " + ".
        remedies: Ids of the remedies in force.
        routes: Routes whose requests it gets.
        databases: What it reads and writes; None until the copies are made.
        changes: Numbers of the changes inside the target that are in force.
        directory: Project directory that it is served from; empty: the user's.
        learns: Whether its first visit of a request only prepares the following ones.
    """

    name: str
    remedies: tuple[str, ...]
    routes: frozenset[str]
    databases: Databases | None = None
    changes: frozenset[int] = field(default_factory=frozenset)
    learns: bool = False
    directory: str = ""


def arm_name(remedies: Sequence[str]) -> str:
    """Return the name of the arm with exactly these remedies, in the order of the findings."""
    return " + ".join(remedies) or BASE


def arms_of(wanted: Sequence[Hypothesis], routes: Sequence[str]) -> list[ArmPlan]:
    """Return base, null and every arm that some route needs.

    Args:
        wanted: In the order of the findings.
        routes: Routes with requests to replay.
    """
    everywhere = frozenset(routes)
    found: dict[tuple[str, ...], set[str]] = {}
    for route in routes:
        helping = [each for each in wanted if route in each.routes]
        lasting = [each.remedy_id for each in helping if not _is_what_if(each)]
        alone = [(each.remedy_id,) for each in helping if _is_what_if(each)]
        for together in [*_subsets(lasting), *alone]:
            found.setdefault(together, set()).add(route)
    learning = {each.remedy_id for each in wanted if INTERVENTIONS[each.remedy.intervention].learns}
    return [
        ArmPlan(BASE, (), everywhere),
        ArmPlan(NULL, (), everywhere),
        *(
            ArmPlan(
                arm_name(together),
                together,
                frozenset(where),
                learns=not learning.isdisjoint(together),
            )
            for together, where in sorted(found.items(), key=lambda each: len(each[0]))
        ),
    ]


def spare_arm(routes: Iterable[str]) -> ArmPlan:
    """Return an unchanged arm for requests that are not measured."""
    return ArmPlan("spare", (), frozenset(routes))


def _is_what_if(each: Hypothesis) -> bool:
    return INTERVENTIONS[each.remedy.intervention].is_what_if


def _subsets(remedies: Sequence[str]) -> list[tuple[str, ...]]:
    if len(remedies) <= _MOST_TOGETHER:
        sizes = range(1, len(remedies) + 1)
        return [each for size in sizes for each in combinations(remedies, size)]
    prefixes = [tuple(remedies[:size]) for size in range(2, len(remedies) + 1)]
    return [(each,) for each in remedies] + prefixes


def database_remedies(wanted: Sequence[Hypothesis]) -> Mapping[str, Hypothesis]:
    """Return the remedies that change the database, by id."""
    return {
        each.remedy_id: each
        for each in wanted
        if INTERVENTIONS[each.remedy.intervention].where == "database"
    }
