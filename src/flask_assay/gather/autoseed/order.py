"""In which order tables can be filled, and which foreign keys must wait."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from flask_assay.gather.autoseed.schema import ForeignKey, Table

__all__ = ["Step", "arrange", "depths"]


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


def _next(waiting: Mapping[tuple[str, str], Table]) -> Step:
    best: tuple[int, Step] | None = None
    for table in waiting.values():
        open_keys = tuple(k for k in table.foreign_keys if k.parent in waiting)
        required = [k for k in open_keys if not table.is_optional(k) and k.parent != table.key]
        deferred = tuple(k for k in open_keys if table.is_optional(k))
        others = sum(k.parent != table.key for k in deferred)
        if not required and (best is None or others < best[0]):
            best = others, Step(table, deferred)
    if best is not None:
        return best[1]
    table = next(_in_a_circle(waiting))
    return Step(table, knot="its foreign keys form a circle without a nullable column")


def _in_a_circle(waiting: Mapping[tuple[str, str], Table]) -> Iterator[Table]:
    """Yield the tables that reach themselves by required foreign keys."""
    for start in waiting:
        seen: set[tuple[str, str]] = set()
        front = [start]
        while front:
            table = waiting[front.pop()]
            for key in table.foreign_keys:
                is_open = key.parent in waiting and not table.is_optional(key)
                if is_open and key.parent != table.key and key.parent not in seen:
                    seen.add(key.parent)
                    front.append(key.parent)
        if start in seen:
            yield waiting[start]


def depths(steps: Sequence[Step]) -> dict[tuple[str, str], int]:
    """Return how many parents stand above each table, along the longest line."""
    found: dict[tuple[str, str], int] = {}
    for step in steps:
        above = [found[k.parent] for k in step.table.foreign_keys if k.parent in found]
        found[step.table.key] = max(above, default=-1) + 1
    return found
