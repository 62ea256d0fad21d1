"""Sample values of real rows, from which derived journeys take their parameters."""

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask_assay.services.psql import SqlError, literal

__all__ = ["Sample", "own_rows", "sample_rows"]

Query = Callable[[str], list[tuple[str, ...]]]
Sample = dict[str, dict[str, list[Any]]]

_MOST_ROWS = 50
_MOST_BUSY = 6  # of them: rows that most other rows refer to
_MOST_OWN = 8  # rows of one user
_MOST_COUNTED = 200_000  # references of one table
_LONGEST = 80  # characters
_TYPES = ("smallint", "integer", "bigint", "uuid", "text", "character varying", "character",
          "citext", "date")  # fmt: skip
_MOMENT = "timestamp"  # with a time zone or without, with a precision or without


def sample_rows(asks: Mapping[str, Query], tables: list[dict[str, Any]]) -> Sample:
    """Return table → column → values of up to 50 rows spread over the table.

    Among the first are the rows that most other rows refer to: what a page does for each of its
    rows shows where there are some, and what is popular is asked for more often than the rest.
    Only columns of types that can stand in a URL are read, of moments their dates. The values stay
    in the private directory of the run.
    """
    found: Sample = {}
    for table in tables:
        columns = _columns(table)
        if columns:
            found[table["name"]] = _values(asks[table["database"]], table, columns, tables)
    return found


def own_rows(
    asks: Mapping[str, Query],
    tables: list[dict[str, Any]],
    users: Sequence[Sequence[Sequence[str]]],
) -> list[Sample]:
    """Return per user what :func:`sample_rows` does, of rows that are the user's own only.

    Such rows refer to a row of the user by a foreign key, or by a column that is named like it
    where the schema states no foreign keys. Tables without any are left out.

    Args:
        asks: Per database of the app: runs SQL there with our own role.
        tables: Of the document ``tables.json``.
        users: Per user table, column and value of each row that stands for the user.
    """
    found: list[Sample] = [{} for _ in users]
    for table in tables:
        columns = _columns(table)
        owned = _owned(table, users) if columns else []
        if not owned:
            continue
        try:
            rows = _rows(asks[table["database"]], _own_sql(table, columns, owned))
        except SqlError:
            continue  # a table of that name elsewhere: a run needs none of this
        for number, sample in enumerate(found):
            of_user = [row for row in rows if row["assay_i"] == number]
            if of_user:
                sample[table["name"]] = _by_column(columns, of_user)
    return found


def _owned(
    table: dict[str, Any], users: Sequence[Sequence[Sequence[str]]]
) -> list[tuple[str, int, str]]:
    """Return columns that may say whose a row is, with the number of a user and the value."""
    foreign = {
        (each["columns"][0], each["table"], each["referred_columns"][0])
        for each in table.get("foreign_keys") or ()
        if len(each["columns"]) == 1
    }
    referring = {column for column, _, _ in foreign}
    found = []
    for number, rows in enumerate(users):
        for name, key, value in rows:
            named = {f"{one}_{key}" for one in _nouns(name)}
            found += [
                (column["name"], number, value)
                for column in table["columns"] or ()
                if (column["name"], name, key) in foreign
                or (column["name"] in named and column["name"] not in referring)
                or (table["name"], column["name"]) == (name, key)
            ]
    return found


def _nouns(table: str) -> set[str]:
    """Return what a column may call a row of a table: of "account_users" user and the whole."""
    whole = table.lower()
    return {one for name in (whole, whole.rpartition("_")[2]) for one in (name, name.rstrip("s"))}


def _own_sql(
    table: dict[str, Any], columns: Mapping[str, str], owned: list[tuple[str, int, str]]
) -> str:
    values = {
        column: ", ".join(f"({n}, {literal(value)})" for name, n, value in owned if name == column)
        for column, _, _ in owned
    }
    # as text, and a column at a time: keys of any type, each joined by its hash
    parts = " UNION ALL ".join(
        f"SELECT {_listed(columns)}, assay_i, t.ctid AS assay_c FROM {_full_name(table)} t "
        f"JOIN (VALUES {pairs}) AS assay_u(assay_i, assay_k) ON t.{_quoted(column)}::text = assay_k"
        for column, pairs in values.items()
    )
    # by a digest of their place, as the oldest rows of a user are not like the others
    return (
        f"SELECT * FROM (SELECT *, row_number() OVER (PARTITION BY assay_i "
        f"ORDER BY md5(assay_c::text)) AS assay_n FROM ({parts}) p) o WHERE assay_n <= {_MOST_OWN} "
        "ORDER BY assay_n"
    )


def _columns(table: dict[str, Any]) -> dict[str, str]:
    """Return the columns that can stand in a URL with their types; none of an empty table."""
    return {
        each["name"]: str(each["type"])
        for each in (table["columns"] or () if table["row_count"] else ())
        if str(each["type"]).partition("(")[0] in _TYPES or str(each["type"]).startswith(_MOMENT)
    }


def _by_column(columns: Mapping[str, str], rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    return {column: [row[column] for row in rows if row[column] is not None] for column in columns}


def _values(
    ask: Query, table: dict[str, Any], columns: Mapping[str, str], tables: list[dict[str, Any]]
) -> dict[str, list[Any]]:
    listed = _listed(columns)
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
    return _by_column(columns, rows)


def _listed(columns: Mapping[str, str]) -> str:
    # a longer value does not stand in a URL, nor does a moment with its time
    return ", ".join(
        f"{_quoted(name)}::date AS {_quoted(name)}"
        if kind.startswith(_MOMENT)
        else f"CASE WHEN length({_quoted(name)}::text) <= {_LONGEST} THEN {_quoted(name)} END"
        f" AS {_quoted(name)}"
        for name, kind in columns.items()
    )


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
