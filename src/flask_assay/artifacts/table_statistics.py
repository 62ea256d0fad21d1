"""table-statistics: the tables under load, their indexes and what the load did to them."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.view import View, artifact

__all__ = ["Index", "Table", "table_statistics", "tables_of"]


@dataclass(frozen=True, slots=True)
class Index:
    """An index that exists."""

    name: str
    columns: tuple[str, ...]
    is_unique: bool
    is_partial: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table after the load; counters are what the load added.

    Attributes:
        schema: "public".
        name: Bare name.
        row_count: Rows.
        bytes: Size on disk.
        column_names: Its columns.
        indexes: Its indexes, the primary key included.
        inserted_count: Rows inserted.
        updated_count: Rows updated.
        deleted_count: Rows deleted.
    """

    schema: str
    name: str
    row_count: int
    bytes: int
    column_names: frozenset[str]
    indexes: tuple[Index, ...]
    inserted_count: int
    updated_count: int
    deleted_count: int

    def has_index_on(self, columns: tuple[str, ...]) -> bool:
        """Return whether some index of all rows starts with these columns, in any order."""
        return any(
            set(index.columns[: len(columns)]) == set(columns)
            for index in self.indexes
            if not index.is_partial
        )


@artifact("table-statistics")
def table_statistics(view: View) -> Mapping[str, Table]:
    """Return tables by bare name.

    Raises:
        UnavailableError: If the recording has no ``tables.json``.
    """
    document = view.document("tables", "table sizes and indexes are unknown")
    return {table.name: table for table in tables_of(document)}


def tables_of(document: Mapping[str, object]) -> list[Table]:
    """Return the tables of ``tables.json``; entries that cannot be read are left out."""
    entries = document.get("tables")
    return [_table(e) for e in (entries if isinstance(entries, list) else []) if _is_table(e)]


def _is_table(entry: object) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("name"), str)


def _table(entry: Mapping[str, object]) -> Table:
    return Table(
        schema=str(entry.get("schema") or "public"),
        name=str(entry["name"]),
        row_count=_count(entry, "row_count"),
        bytes=_count(entry, "bytes"),
        column_names=frozenset(str(column.get("name", "")) for column in _dicts(entry, "columns")),
        indexes=tuple(
            Index(
                str(index.get("name", "")),
                tuple(str(column) for column in _list(index.get("columns"))),
                bool(index.get("unique") or index.get("primary")),
                bool(index.get("partial")),
            )
            for index in _dicts(entry, "indexes")
        ),
        inserted_count=_count(entry, "n_tup_ins"),
        updated_count=_count(entry, "n_tup_upd"),
        deleted_count=_count(entry, "n_tup_del"),
    )


def _count(entry: Mapping[str, object], name: str) -> int:
    value = entry.get(name)
    return int(value) if isinstance(value, int | float) else 0


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _dicts(entry: Mapping[str, object], name: str) -> list[dict[str, object]]:
    return [one for one in _list(entry.get(name)) if isinstance(one, dict)]
