"""Which arms an experiment has: first each remedy alone, then together those that help.

Remedies of different routes never meet in a request, so combinations are made route by route,
and only of remedies that helped alone: every further arm takes pairs from all others.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations

from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.gather.lab import Databases

__all__ = [
    "BASE",
    "NULL",
    "ArmPlan",
    "arm_name",
    "arms_of",
    "combinations_of",
    "database_remedies",
    "spare_arm",
]

BASE, NULL = "base", "null"
# Up to here each subset of a route's remedies gets an arm, beyond it the best one by one.
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
    """Return base, null and an arm for each remedy.

    Args:
        wanted: In the order of the findings.
        routes: Routes with requests to replay.
    """
    everywhere = frozenset(routes)
    return [
        ArmPlan(BASE, (), everywhere),
        ArmPlan(NULL, (), everywhere),
        *(
            ArmPlan(
                each.remedy_id,
                (each.remedy_id,),
                each.routes & everywhere,
                learns=_learns(each),
            )
            for each in wanted
            if each.routes & everywhere
        ),
    ]


def combinations_of(
    helping: Sequence[Hypothesis], ratios: Mapping[tuple[str, str], float]
) -> list[ArmPlan]:
    """Return an arm for each set of remedies that a ladder may stand on.

    Args:
        helping: Remedies that helped alone, in the order of the findings.
        ratios: (remedy id, route) → log-ratio that it showed there; only where it helped.
    """
    found: dict[tuple[str, ...], set[str]] = {}
    for route in sorted({route for _, route in ratios}):
        here = [
            each for each in helping
            if (each.remedy_id, route) in ratios and not _is_what_if(each)
        ]  # fmt: skip
        best_first = sorted(here, key=lambda each: ratios[each.remedy_id, route])
        for together in _subsets(best_first):
            ordered = sorted(together, key=lambda each: each.number)
            names = tuple(each.remedy_id for each in ordered)
            found.setdefault(names, set()).add(route)
    learning = {each.remedy_id for each in helping if _learns(each)}
    return [
        ArmPlan(arm_name(names), names, frozenset(where), learns=not learning.isdisjoint(names))
        for names, where in sorted(found.items(), key=lambda each: len(each[0]))
    ]


def spare_arm(routes: Iterable[str]) -> ArmPlan:
    """Return an unchanged arm for requests that are not measured."""
    return ArmPlan("spare", (), frozenset(routes))


def _is_what_if(each: Hypothesis) -> bool:
    return INTERVENTIONS[each.remedy.intervention].is_what_if


def _learns(each: Hypothesis) -> bool:
    return INTERVENTIONS[each.remedy.intervention].learns


def _subsets(best_first: Sequence[Hypothesis]) -> list[tuple[Hypothesis, ...]]:
    """Return sets of two and more: all, or of many the best, the two best and so on."""
    if len(best_first) <= _MOST_TOGETHER:
        sizes = range(2, len(best_first) + 1)
        return [each for size in sizes for each in combinations(best_first, size)]
    return [tuple(best_first[:size]) for size in range(2, len(best_first) + 1)]


def database_remedies(wanted: Sequence[Hypothesis]) -> Mapping[str, Hypothesis]:
    """Return the remedies that change the database, by id."""
    return {
        each.remedy_id: each
        for each in wanted
        if INTERVENTIONS[each.remedy.intervention].where == "database"
    }
