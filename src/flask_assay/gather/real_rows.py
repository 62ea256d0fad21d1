"""Sample values of real rows, from which derived journeys take their parameters."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask_assay.services.psql import SqlError

__all__ = ["sample_rows"]

Query = Callable[[str], list[tuple[str, ...]]]

_MOST_ROWS = 50
_MOST_BUSY = 6  # of them: rows that most other rows refer to
_MOST_COUNTED = 200_000  # references of one table
_LONGEST = 80  # characters
_TYPES = ("smallint", "integer", "bigint", "uuid", "text", "character varying", "character",
          "citext", "date")  # fmt: skip
_MOMENT = "timestamp"  # with a time zone or without, with a precision or without


def sample_rows(
    asks: Mapping[str, Query], tables: list[dict[str, Any]]
) -> dict[str, dict[str, list[Any]]]:
    """Return table → column → values of up to 50 rows spread over the table.

    Among the first are the rows that most other rows refer to: what a page does for each of its
    rows shows where there are some, and what is popular is asked for more often than the rest.
    Only columns of types that can stand in a URL are read, of moments their dates. The values stay
    in the private directory of the run.
    """
    found: dict[str, dict[str, list[Any]]] = {}
    for table in tables:
        if not table["row_count"]:
            continue
        columns = {
            each["name"]: str(each["type"])
            for each in table["columns"] or ()
            if str(each["type"]).partition("(")[0] in _TYPES
            or str(each["type"]).startswith(_MOMENT)
        }
        if columns:
            found[table["name"]] = _values(asks[table["database"]], table, columns, tables)
    return found


def _values(
    ask: Query, table: dict[str, Any], columns: Mapping[str, str], tables: list[dict[str, Any]]
) -> dict[str, list[Any]]:
    # a longer value does not stand in a URL, nor does a moment with its time
    listed = ", ".join(
        f"{_quoted(name)}::date AS {_quoted(name)}"
        if kind.startswith(_MOMENT)
        else f"CASE WHEN length({_quoted(name)}::text) <= {_LONGEST} THEN {_quoted(name)} END"
        f" AS {_quoted(name)}"
        for name, kind in columns.items()
    )
    named = ", ".join(_quoted(name) for name in columns)
    name = _full_name(table)
    step = max(1, int(table["row_count"]) // _MOST_ROWS)
    # numbering spreads the sample over the table; a plain LIMIT would take its oldest page
    sampled = _rows(
        ask,
        f"SELECT {named} FROM (SELECT {listed}, row_number() OVER () AS assay_n "
        f"FROM {name} LIMIT 200000) s WHERE assay_n % {step} = 0 LIMIT {_MOST_ROWS}",
    )
    busy = _busy(ask, table, listed, tables)
    ordinary = [row for row in sampled if row not in busy]
    first = [row for pair in zip(busy, ordinary, strict=False) for row in pair]
    rows = [*first, *busy[len(ordinary) :], *ordinary[len(busy) :]][:_MOST_ROWS]
    return {column: [row[column] for row in rows if row[column] is not None] for column in columns}


def _busy(
    ask: Query, table: dict[str, Any], listed: str, tables: list[dict[str, Any]]
) -> list[dict[str, Any]]:
    """Return the rows with the largest share of what refers to the table, none if nothing does."""
    keys = [
        (other, foreign["columns"][0], foreign["referred_columns"][0])
        for other in tables
        if other["database"] == table["database"] and other["row_count"]
        for foreign in other.get("foreign_keys") or ()
        if foreign["table"] == table["name"] and len(foreign["columns"]) == 1
    ]
    referred = next((column for _, _, column in keys), "")
    # each reference counts as a share of the most that one row has: the large tables are not all
    counts = " UNION ALL ".join(
        "SELECT assay_k, count(*)::float / max(count(*)) OVER () AS assay_n FROM "
        f"(SELECT {_quoted(column)} AS assay_k FROM {_full_name(other)} "
        f"WHERE {_quoted(column)} IS NOT NULL LIMIT {_MOST_COUNTED}) r GROUP BY assay_k"
        for other, column, to in keys
        if to == referred
    )
    if not counts:
        return []
    try:
        return _rows(
            ask,
            f"SELECT {listed} FROM {_full_name(table)} JOIN (SELECT assay_k, sum(assay_n) AS "
            f"assay_n FROM ({counts}) c GROUP BY assay_k ORDER BY assay_n DESC, assay_k "
            f"LIMIT {_MOST_BUSY}) assay_b ON assay_k = {_quoted(referred)} ORDER BY assay_n DESC",
        )
    except SqlError:
        return []  # the constraint is of another table of that name: a run needs none of this


def _rows(ask: Query, sql: str) -> list[dict[str, Any]]:
    rows = ask(f"SELECT coalesce(json_agg(t), '[]') FROM ({sql}) t")
    found: list[dict[str, Any]] = json.loads("".join(row[0] for row in rows))
    return found


def _full_name(table: dict[str, Any]) -> str:
    return f"{_quoted(table['schema'])}.{_quoted(table['name'])}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
