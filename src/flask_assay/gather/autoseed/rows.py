"""Rows of one table: parents, values, and what must differ between rows."""

import itertools
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask_assay.gather.autoseed.schema import ForeignKey, Table
from flask_assay.gather.autoseed.values import Maker

__all__ = ["Key", "ParentPick", "Row", "RowMaker"]

_ATTEMPTS = 25
_SOFT_ATTEMPTS = 10
_POPULARITY = 0.6
_ORPHAN_SHARE = 0.12
_EARLY = ("creat", "join", "regist", "sign", "start", "begin", "from", "order")
_LATE = ("updat", "modif", "chang", "end", "finish", "complet", "expire", "last", "until", "clos")

Row = dict[str, Any]
Key = tuple[Any, ...]


class ParentPick:
    """Draws the parents of one foreign key: some are popular, some have no child.

    Args:
        key: The foreign key.
        keys: The parents there are.
        rng: Source of every choice.
        is_optional: Whether a row may have no such parent.
        is_exclusive: Whether each parent has one child at most.
    """

    def __init__(
        self,
        key: ForeignKey,
        keys: Sequence[Key],
        rng: random.Random,
        *,
        is_optional: bool,
        is_exclusive: bool,
    ) -> None:
        self.key = key
        self.is_exhausted = False
        self._keys = list(keys)
        rng.shuffle(self._keys)
        self._rng = rng
        self._is_optional = is_optional
        self._left = iter(self._keys) if is_exclusive else None
        ranks = range(1, len(self._keys) + 1)
        self._weights = list(itertools.accumulate(rank**-_POPULARITY for rank in ranks))
        self._by_fixed: dict[tuple[int, ...], dict[Key, list[Key]]] = {}

    def draw(self, row: Row) -> Key | None:
        """Return a parent that fits what the row already has, or None for no parent."""
        if self._is_optional and (not self._keys or self._rng.random() < _ORPHAN_SHARE):
            return None
        if self._left is not None:
            found = next(self._left, None)
            self.is_exhausted = found is None
            return found
        fixed = tuple(i for i, name in enumerate(self.key.columns) if row.get(name) is not None)
        if fixed:
            wanted = tuple(row[self.key.columns[i]] for i in fixed)
            fitting = self._fitting(fixed).get(wanted, ())
            return self._rng.choice(fitting) if fitting else None
        return self._rng.choices(self._keys, cum_weights=self._weights)[0]

    def _fitting(self, fixed: tuple[int, ...]) -> dict[Key, list[Key]]:
        if fixed not in self._by_fixed:
            groups: dict[Key, list[Key]] = {}
            for key in self._keys:
                groups.setdefault(tuple(key[i] for i in fixed), []).append(key)
            self._by_fixed[fixed] = groups
        return self._by_fixed[fixed]


class RowMaker:
    """Makes rows that differ where they must, and where it matters.

    Children of one parent get different other parents as long as there are some: were all lines
    of an order of one product, an identity map would hide a query in a loop.

    Args:
        table: The table.
        picks: One for each foreign key that is filled now.
        makers: What makes the other columns, by name.
        own_keys: Required foreign keys to the table itself: each row becomes its own parent.
    """

    def __init__(
        self,
        table: Table,
        picks: Sequence[ParentPick],
        makers: Mapping[str, Maker],
        own_keys: Sequence[ForeignKey] = (),
    ) -> None:
        self._picks = sorted(picks, key=lambda pick: -len(pick.key.columns))
        picked = {name for pick in picks for name in pick.key.columns}
        self._makers = {name: made for name, made in makers.items() if name not in picked}
        self._own_keys = own_keys
        owned = {name for key in own_keys for name in key.columns}
        self.columns = [c for c in table.columns if c.name in picked | owned | {*self._makers}]
        names = {column.name for column in self.columns}
        self._uniques = [unique for unique in table.uniques if set(unique) <= names]
        self._taken: list[set[Key]] = [set() for _ in self._uniques]
        self._pairs: set[tuple[int, int, Key, Key]] = set()
        self._moments = _moments(table)
        self._required = {c.name for c in table.columns if not c.is_nullable}
        self._count = 0

    def rows(self, count: int) -> list[Row]:
        """Return up to that many further rows; fewer when no more can differ."""
        found = []
        for _ in range(count):
            row = self._row()
            if row is not None:
                found.append(row)
            elif any(pick.is_exhausted for pick in self._picks):
                break
        return found

    def _row(self) -> Row | None:
        self._count += 1
        for attempt in range(_ATTEMPTS):
            row: Row = {}
            chosen = self._choose_parents(row)
            if attempt < _SOFT_ATTEMPTS and self._is_repeated(chosen):
                continue
            for name, make in self._makers.items():
                row[name] = make(self._count)
            for key in self._own_keys:
                row.update(zip(key.columns, (row[n] for n in key.parent_columns), strict=True))
            if any(row.get(name) is None for name in self._required if name in row):
                continue
            if self._is_new(row):
                self._pairs.update(_pairs(chosen))
                return self._in_time(row)
            if not self._picks and not self._makers:
                return None
        return None

    def _choose_parents(self, row: Row) -> list[Key | None]:
        chosen = []
        for pick in self._picks:
            found = pick.draw(row)
            chosen.append(found)
            for i, name in enumerate(pick.key.columns):
                if found is not None or name not in row:
                    row[name] = None if found is None else found[i]
        return chosen

    def _is_repeated(self, chosen: Sequence[Key | None]) -> bool:
        return any(pair in self._pairs for pair in _pairs(chosen))

    def _is_new(self, row: Row) -> bool:
        keys = [tuple(_hashable(row[name]) for name in unique) for unique in self._uniques]
        for key, taken in zip(keys, self._taken, strict=True):
            if None not in key and key in taken:
                return False
        for key, taken in zip(keys, self._taken, strict=True):
            taken.add(key)
        return True

    def _in_time(self, row: Row) -> Row:
        for names in self._moments:
            present = [name for name in names if row.get(name) is not None]
            told = sorted(row[name] for name in present)
            row.update(zip(present, told, strict=True))
        return row


def _pairs(chosen: Sequence[Key | None]) -> list[tuple[int, int, Key, Key]]:
    known = [(i, key) for i, key in enumerate(chosen) if key is not None]
    return [(i, j, a, b) for (i, a), (j, b) in itertools.combinations(known, 2)]


def _hashable(value: Any) -> Any:
    return str(value) if isinstance(value, (dict, list)) else value


def _moments(table: Table) -> list[list[str]]:
    """Return the table's moments in the order in which they happen, dates and times apart."""
    groups: dict[str, list[str]] = {}
    for column in table.columns:
        is_moment = column.type in {"date", "timestamp", "timestamptz"}
        if is_moment and not re.search("birth|born|dob", column.name) and not column.is_made:
            groups.setdefault(column.type, []).append(column.name)
    return [sorted(names, key=_lateness) for names in groups.values()]


def _lateness(name: str) -> int:
    if any(word in name.lower() for word in _EARLY):
        return 0
    return 2 if any(word in name.lower() for word in _LATE) else 1
