"""Fill every empty table, parents first; what cannot be filled is reported, never fatal."""

import json
import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from flask_assay.gather.autoseed.hints import Hint, Hints, read_hints
from flask_assay.gather.autoseed.order import Step, arrange, depths
from flask_assay.gather.autoseed.rows import Key, ParentPick, Row, RowMaker
from flask_assay.gather.autoseed.schema import Column, ForeignKey, Table, read_tables
from flask_assay.gather.autoseed.values import Maker, UnsupportedTypeError, Values

__all__ = ["TableSeeded", "fill"]

# Rows at scale 1. Tables that matter have more than a thousand: the planner is right to scan
# smaller ones.
_ROWS_OF_LISTS = 40
_ROWS_BY_DEPTH = (1_200, 4_000, 12_000)
_ROWS_IN_ALL = 150_000
_MINIMUM_ROWS = 3
_LIST_NAMES = re.compile(
    r"(role|categor(y|ie)|tag|type|status|state|countr(y|ie)|currenc(y|ie)|language|permission|genre"
    r"|brand|department|level|unit|setting|option|plan)(es|s)?$"
)
_CHUNK = 2_000
_ROUNDS = 6
_KEYS_KEPT = 20_000
_SINGLE_TRIES = 300
_HOPELESS = 40
_ROOT_SHARE = 0.3


@dataclass(frozen=True, slots=True)
class TableSeeded:
    """What became of one table.

    Attributes:
        table: Its name, with the schema unless that is ``public``.
        row_count: Rows inserted.
        skipped_reason: Why it got none; None if it got some.
    """

    table: str
    row_count: int
    skipped_reason: str | None = None


class _SkipError(Exception):
    """This table cannot be filled, for the reason in the message."""


def fill(
    connection: Any, *, scale: float, rng: random.Random, metadata: Iterable[Any] = ()
) -> list[TableSeeded]:
    """Fill the empty tables of a PostgreSQL database.

    The same generator state gives the same rows on the same day: the newest dates are today's,
    since apps ask for "the last month". The caller commits.

    Args:
        connection: A SQLAlchemy connection; its role owns the tables or may insert into them.
        scale: Size of the data; at 1 tables have some thousand rows, lists some dozens.
        rng: Source of every choice.
        metadata: The app's ``MetaData`` objects, for what the catalog does not tell: the values
            of an ``Enum`` kept as text, columns that must hold a UUID or a pickle.

    Returns:
        One entry for each table, in the order in which they were filled.
    """
    return _Filling(connection, scale, rng, read_hints(metadata)).run()


class _Filling:
    def __init__(self, connection: Any, scale: float, rng: random.Random, hints: Hints) -> None:
        self._connection = connection
        self._scale = scale
        self._rng = rng
        self._hints = hints
        self._values = Values(rng, self._today())
        self._keys: dict[tuple[tuple[str, str], tuple[str, ...]], list[Key]] = {}
        self._tables: dict[tuple[str, str], Table] = {}

    def run(self) -> list[TableSeeded]:
        tables = read_tables(self._connection)
        self._tables = {table.key: table for table in tables}
        steps = arrange(tables)
        goals = _goals(steps, self._scale)
        seeded = []
        filled = []
        for step in steps:
            entry = self._attempt(step, goals[step.table.key])
            seeded.append(entry)
            if entry.row_count:
                filled.append(step)
        for step in filled:
            for key in step.deferred:
                self._link(step.table, key)
        return seeded

    def _today(self) -> datetime:
        told = self._ask("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')").scalar()
        return datetime.strptime(f"{told} +0000", "%Y-%m-%d %z")

    def _ask(self, sql: str, **values: str) -> Any:
        """Run SQL in which ``@name@`` stands for a value and a colon is only a colon."""
        from sqlalchemy import text  # noqa: PLC0415 - judging a recording must not need it

        escaped = re.sub(r"@(\w+)@", r":\1", sql.replace(":", "\\:")) if values else sql
        prepared = text(escaped if values else sql.replace(":", "\\:"))
        return self._connection.execute(prepared, values)

    def _attempt(self, step: Step, goal: int) -> TableSeeded:
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        name = _shown(step.table)
        try:
            with self._connection.begin_nested():
                count = self._fill(step, goal)
        except (_SkipError, UnsupportedTypeError) as refusal:
            return TableSeeded(name, 0, str(refusal))
        except SQLAlchemyError as error:
            return TableSeeded(name, 0, _first_line(error))
        return TableSeeded(name, count, None if count else "no row passed its constraints")

    def _fill(self, step: Step, goal: int) -> int:
        table = step.table
        if step.knot:
            raise _SkipError(step.knot)
        if self._ask(f"SELECT EXISTS (SELECT 1 FROM {table.sql_name})").scalar():
            raise _SkipError("it has rows already")
        try:
            return self._fill_with(step, goal, is_bare=False)
        except _SkipError as refusal:
            # One column that may stay empty can spoil all rows: a build without XML, a domain.
            try:
                return self._fill_with(step, goal, is_bare=True)
            except _SkipError:
                raise refusal from None

    def _fill_with(self, step: Step, goal: int, *, is_bare: bool) -> int:
        table = step.table
        made = self._row_maker(step, is_bare=is_bare)
        count = 0
        for _ in range(_ROUNDS):
            added = self._insert(table, made.columns, made.rows(goal - count))
            count += added
            if count >= goal or not added:
                break
        self._advance_sequences(table, made.columns)
        return count

    def _row_maker(self, step: Step, *, is_bare: bool) -> RowMaker:
        table = step.table
        required_own = [
            k for k in table.foreign_keys if k.parent == table.key and k not in step.deferred
        ]
        picks = [
            self._pick(table, key)
            for key in table.foreign_keys
            if key not in step.deferred and key.parent != table.key
        ]
        explicit = {name for key in required_own for name in key.parent_columns}
        if all(column.is_made for column in table.columns):
            explicit = {column.name for column in table.columns}
        makers = self._makers(step, explicit)
        if is_bare:
            needed = {c.name for c in table.columns if not c.is_nullable and c.default is None}
            makers = {name: made for name, made in makers.items() if name in needed | explicit}
        return RowMaker(table, picks, makers, required_own)

    def _makers(self, step: Step, explicit: set[str]) -> dict[str, Maker]:
        table = step.table
        waiting = {name for key in step.deferred for name in key.columns}
        parents = {name for key in table.foreign_keys for name in key.columns}
        makers: dict[str, Maker] = {}
        for column in table.columns:
            if column.name in explicit and column.is_made:
                makers[column.name] = int
            elif column.name in waiting and column.is_nullable:
                continue
            elif column.name not in parents and not column.is_made:
                hint = self._hints.get((table.name, column.name), Hint())
                maker = self._values.maker(table, column, hint)
                if maker is not None:
                    makers[column.name] = maker
        return makers

    def _pick(self, table: Table, key: ForeignKey) -> ParentPick:
        keys = self._keys_of(key)
        is_optional = table.is_optional(key)
        if not keys and not is_optional:
            raise _SkipError(f"its parent {key.parent[1]} has no rows")
        return ParentPick(
            key,
            keys,
            self._rng,
            is_optional=is_optional,
            is_exclusive=any(set(unique) <= set(key.columns) for unique in table.uniques),
        )

    def _keys_of(self, key: ForeignKey) -> list[Key]:
        wanted = key.parent, key.parent_columns
        if wanted not in self._keys:
            parent = self._tables.get(key.parent)
            self._keys[wanted] = [] if parent is None else self._read(parent, key.parent_columns)
        return self._keys[wanted]

    def _read(self, table: Table, columns: Sequence[str], order: str = "") -> list[Key]:
        names = ", ".join(table.column(name).sql_name for name in columns)
        told = self._ask(
            f"SELECT coalesce(json_agg(json_build_array({names})), '[]')::text FROM"
            f" (SELECT {names} FROM {table.sql_name} ORDER BY {order or names}"
            f" LIMIT {_KEYS_KEPT}) t"
        ).scalar()
        return [tuple(entry) for entry in json.loads(told)]

    def _insert(self, table: Table, columns: Sequence[Column], rows: list[Row]) -> int:
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        count = 0
        for start in range(0, len(rows), _CHUNK):
            chunk = rows[start : start + _CHUNK]
            try:
                with self._connection.begin_nested():
                    count += self._send(table, columns, chunk)
            except SQLAlchemyError as error:
                added = self._one_by_one(table, columns, chunk)
                if not added and not count:
                    raise _SkipError(_first_line(error)) from None
                return count + added
        return count

    def _one_by_one(self, table: Table, columns: Sequence[Column], rows: list[Row]) -> int:
        """Insert what passes: a trigger or a domain may refuse some rows and take others."""
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        count = 0
        for tried, row in enumerate(rows[:_SINGLE_TRIES]):
            if tried >= _HOPELESS and not count:
                break
            try:
                with self._connection.begin_nested():
                    count += self._send(table, columns, [row])
            except SQLAlchemyError:
                continue
        return count

    def _send(self, table: Table, columns: Sequence[Column], rows: list[Row]) -> int:
        names = ", ".join(column.sql_name for column in columns)
        # The table's own conditions choose among the candidates: one bad row spoils none.
        passing = " AND ".join(f"(({check}) IS NOT FALSE)" for check in table.checks) or "true"
        sql = (
            f"INSERT INTO {table.sql_name} ({names}) OVERRIDING SYSTEM VALUE SELECT {names}"
            f" FROM json_populate_recordset(NULL::{table.sql_name}, CAST(@candidates@ AS json))"
            f" AS candidate WHERE {passing} ON CONFLICT DO NOTHING"
        )
        return int(self._ask(sql, candidates=json.dumps(rows)).rowcount)

    def _advance_sequences(self, table: Table, columns: Sequence[Column]) -> None:
        """Let sequences go on after keys that were given and not drawn."""
        for column in columns:
            if column.is_made:
                place = table.sql_name.replace("'", "''")
                name = column.name.replace("'", "''")
                self._ask(
                    f"SELECT setval(pg_get_serial_sequence('{place}', '{name}'),"
                    f" max({column.sql_name})) FROM {table.sql_name}"
                )

    def _link(self, table: Table, key: ForeignKey) -> None:
        """Fill in an optional foreign key that had to wait; on failure it stays empty."""
        from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415

        try:
            with self._connection.begin_nested():
                self._update(table, key, self._late_parents(table, key))
        except SQLAlchemyError:
            return

    def _late_parents(self, table: Table, key: ForeignKey) -> list[Key | None]:
        rng = self._rng
        if key.parent == table.key:
            own = self._read(table, key.parent_columns, "ctid")
            # A parent comes before its child, so that trees have an end.
            return [
                own[rng.randrange(n)] if n and rng.random() > _ROOT_SHARE else None
                for n in range(len(own))
            ]
        is_exclusive = any(set(unique) <= set(key.columns) for unique in table.uniques)
        pick = ParentPick(key, self._keys_of(key), rng, is_optional=True, is_exclusive=is_exclusive)
        fixed = [name for name in key.columns if not table.column(name).is_nullable]
        present = self._read(table, fixed, "ctid")
        return [pick.draw(dict(zip(fixed, row, strict=True))) for row in present]

    def _update(self, table: Table, key: ForeignKey, parents: list[Key | None]) -> None:
        free = [name for name in key.columns if table.column(name).is_nullable]
        names = [table.column(name).sql_name for name in free]
        rows = [
            {name: parent[key.columns.index(name)] if parent else None for name in free}
            for parent in parents
        ]
        settings = ", ".join(f"{name} = k.{name}" for name in names)
        self._ask(
            f"UPDATE {table.sql_name} t SET {settings} FROM"
            f" (SELECT ctid AS place, row_number() OVER (ORDER BY ctid) AS n"
            f" FROM {table.sql_name}) own"
            f" JOIN json_populate_recordset(NULL::{table.sql_name}, CAST(@parents@ AS json))"
            f" WITH ORDINALITY AS k ON k.ordinality = own.n WHERE t.ctid = own.place",
            parents=json.dumps(rows),
        )


def _goals(steps: Sequence[Step], scale: float) -> dict[tuple[str, str], int]:
    """Return how many rows each table should get."""
    depth = depths(steps)
    goals = {}
    for step in steps:
        table = step.table
        level = min(depth[table.key], len(_ROWS_BY_DEPTH) - 1)
        is_list = level == 0 and _LIST_NAMES.search(table.name.lower())
        goals[table.key] = _ROWS_OF_LISTS if is_list else int(_ROWS_BY_DEPTH[level] * scale)
    wanted = sum(goals.values())
    share = min(1.0, _ROWS_IN_ALL * max(scale, 1.0) / wanted) if wanted else 1.0
    return {key: max(_MINIMUM_ROWS, int(goal * share)) for key, goal in goals.items()}


def _shown(table: Table) -> str:
    return table.name if table.schema == "public" else f"{table.schema}.{table.name}"


def _first_line(error: Exception) -> str:
    told = str(getattr(error, "orig", None) or error).strip()
    return told.splitlines()[0] if told else type(error).__name__
