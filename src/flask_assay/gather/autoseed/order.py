"""In which order tables can be filled, and which foreign keys must wait."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_assay.gather.autoseed.schema import ForeignKey, Table

__all__ = ["Step", "arrange", "depths"]

TableKey = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Step:
    """One table's turn.

    Attributes:
        deferred: Optional foreign keys left empty at first, linked when all tables are full.
        knot: Why the table cannot be filled; empty if it can.
    """

    table: Table
    deferred: tuple[ForeignKey, ...] = ()
    knot: str = ""


def arrange(tables: Sequence[Table]) -> list[Step]:
    """Return the tables with parents first.

    Where foreign keys form a circle, one with a nullable column is left for later; a circle
    without one is a knot, and its tables are named as such.
    """
    waiting = {table.key: table for table in tables}
    steps: list[Step] = []
    while waiting:
        step = _next(waiting)
        steps.append(step)
        del waiting[step.table.key]
    return steps


def _next(waiting: Mapping[TableKey, Table]) -> Step:
    """Return a table that needs no other, or one of a circle that needs no others."""
    reach = {key: _reachable(waiting, key) for key in waiting}
    smallest = min(waiting, key=lambda key: len(reach[key] | {key}))
    circle = [key for key in waiting if key in reach[smallest] | {smallest}]
    free = [key for key in circle if not _open_keys(waiting, key, is_required=True)]
    if not free:
        knotted = next(k for k in circle if k in _reachable(waiting, k, is_required=True))
        return Step(
            waiting[knotted], knot="its foreign keys form a circle without a nullable column"
        )
    table = waiting[min(free, key=lambda key: len(_open_keys(waiting, key)))]
    deferred = tuple(k for k in table.foreign_keys if k.parent in waiting and table.is_optional(k))
    return Step(table, deferred)


def _open_keys(
    waiting: Mapping[TableKey, Table], key: TableKey, *, is_required: bool = False
) -> list[ForeignKey]:
    """Return the foreign keys to other tables that are not filled yet."""
    table = waiting[key]
    return [
        k
        for k in table.foreign_keys
        if k.parent in waiting and k.parent != key and not (is_required and table.is_optional(k))
    ]


def _reachable(
    waiting: Mapping[TableKey, Table], start: TableKey, *, is_required: bool = False
) -> set[TableKey]:
    seen: set[TableKey] = set()
    front = [start]
    while front:
        for key in _open_keys(waiting, front.pop(), is_required=is_required):
            if key.parent not in seen:
                seen.add(key.parent)
                front.append(key.parent)
    return seen


def depths(steps: Sequence[Step]) -> dict[TableKey, int]:
    """Return how many parents stand above each table, along the longest line."""
    found: dict[TableKey, int] = {}
    for step in steps:
        above = [found[k.parent] for k in step.table.foreign_keys if k.parent in found]
        found[step.table.key] = max(above, default=-1) + 1
    return found
