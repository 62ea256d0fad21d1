"""Sample values of real rows, from which derived journeys take their parameters."""

import json
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["sample_rows"]

Query = Callable[[str], list[tuple[str, ...]]]

_MOST_ROWS = 50
_LONGEST = 80  # characters
_TYPES = ("smallint", "integer", "bigint", "uuid", "text", "character varying", "character",
          "citext", "date")  # fmt: skip
_MOMENT = "timestamp"  # with a time zone or without, with a precision or without


def sample_rows(
    asks: Mapping[str, Query], tables: list[dict[str, Any]]
) -> dict[str, dict[str, list[Any]]]:
    """Return table → column → values of up to 50 rows spread over the table.

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
            found[table["name"]] = _values(asks[table["database"]], table, columns)
    return found


def _values(ask: Query, table: dict[str, Any], columns: Mapping[str, str]) -> dict[str, list[Any]]:
    # a longer value does not stand in a URL, nor does a moment with its time
    listed = ", ".join(
        f"{_quoted(name)}::date AS {_quoted(name)}"
        if kind.startswith(_MOMENT)
        else f"CASE WHEN length({_quoted(name)}::text) <= {_LONGEST} THEN {_quoted(name)} END"
        f" AS {_quoted(name)}"
        for name, kind in columns.items()
    )
    named = ", ".join(_quoted(name) for name in columns)
    name = f"{_quoted(table['schema'])}.{_quoted(table['name'])}"
    step = max(1, int(table["row_count"]) // _MOST_ROWS)
    # numbering spreads the sample over the table; a plain LIMIT would take its oldest page
    rows = ask(
        f"SELECT coalesce(json_agg(t), '[]') FROM (SELECT {named} FROM (SELECT {listed}, "
        f"row_number() OVER () AS assay_n FROM {name} LIMIT 200000) s "
        f"WHERE assay_n % {step} = 0 LIMIT {_MOST_ROWS}) t"
    )
    sampled = json.loads("".join(row[0] for row in rows))
    return {
        column: [row[column] for row in sampled if row[column] is not None] for column in columns
    }


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
