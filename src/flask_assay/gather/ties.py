"""Count the rows that share their place in an order of which a LIMIT takes a part.

Equal places are as undecided as no order at all. Whether there are any, only the data can tell:
each such statement is asked, with the parameters it had, how many rows have the same keys.
"""

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, NamedTuple

import sqlglot
from sqlglot import exp

from flask_assay.errors import AssayError
from flask_assay.services.psql import literal

__all__ = ["TieQuestion", "count_ties", "tie_question"]

Query = Callable[[str], list[tuple[str, ...]]]

_MOST_STATEMENTS = 100
_MOST_OF_SHAPE = 2
_LONGEST_SQL = 20_000
_TIMEOUT_MS = 2000
_FUNCTION = """
CREATE FUNCTION pg_temp.assay_tied(asked text) RETURNS text LANGUAGE plpgsql AS $assay$
DECLARE found json;
BEGIN
 EXECUTE asked INTO found;
 RETURN found;
EXCEPTION
 WHEN query_canceled OR OTHERS THEN RETURN NULL;
END $assay$;
"""


class TieQuestion(NamedTuple):
    """What to ask: the columns of the order, and the statement that counts."""

    keys: tuple[str, ...]
    sql: str


def count_ties(asks: Collection[Query], statements: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """Return the document ``ties.json``.

    Args:
        asks: One per database of the app: runs SQL there with our own role.
        statements: Full statements by shape.
    """
    left: dict[str, list[TieQuestion]] = {}
    for shape, full in statements.items():
        questions = [question for sql in full[:_MOST_OF_SHAPE] if (question := tie_question(sql))]
        if questions and len(left) < _MOST_STATEMENTS:
            left[shape] = questions
    found: list[dict[str, Any]] = []
    for ask in asks:
        told = _answers(ask, left)
        found += told.values()
        left = {shape: questions for shape, questions in left.items() if shape not in told}
    return {"ties": found}


def tie_question(sql: str) -> TieQuestion | None:
    """Return how to count the rows of equal keys; None if no LIMIT cuts an order of columns.

    Only rows of one table are asked about: a join may repeat a row, which says nothing.

    Args:
        sql: A statement with its values.
    """
    if "limit" not in sql.lower() or len(sql) > _LONGEST_SQL:
        return None
    try:
        tree = sqlglot.parse_one(sql, dialect="postgres")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None
    if not isinstance(tree, exp.Select) or not _is_plain(tree):
        return None
    keys = [_column(ordered.this, tree) for ordered in tree.args["order"].expressions]
    if not all(keys):
        return None
    columns = [key.sql(dialect="postgres") for key in keys if key is not None]
    inner = tree.copy()
    for part in ("limit", "offset", "order"):
        inner.set(part, None)
    names = [f"assay_k{number}" for number in range(len(columns))]
    inner.set(
        "expressions",
        [exp.alias_(key.copy(), name) for key, name in zip(keys, names, strict=True) if key],
    )
    types = ", ".join(f"max(pg_typeof({name})::text) AS {name}_type" for name in names)
    listed = ", ".join(f"max({name}_type)" for name in names)
    counted = (
        f"SELECT json_build_object('row_count', coalesce(sum(n), 0), 'tied_count', "
        f"coalesce(sum(n) FILTER (WHERE n > 1), 0), 'types', ARRAY[{listed}]) "
        f"FROM (SELECT count(*) AS n, {types} FROM ({inner.sql(dialect='postgres')}) assay_r "
        f"GROUP BY {', '.join(names)}) assay_g"
    )
    return TieQuestion(tuple(columns), counted)


def _is_plain(tree: "exp.Select") -> bool:
    parts = ("distinct", "group", "having", "locks", "joins")
    source = tree.args.get("from_") or tree.args.get("from")
    return (
        bool(tree.args.get("order") and tree.args.get("limit"))
        and not any(tree.args.get(part) for part in parts)
        and source is not None
        and isinstance(source.this, exp.Table)
        and tree.find(exp.Insert, exp.Update, exp.Delete, exp.AggFunc) is None
    )


def _column(term: "exp.Expression", tree: "exp.Select") -> "exp.Expression | None":
    """Return the column that a term of the order stands for, a label looked through."""
    if isinstance(term, exp.Column) and not term.table:
        labels = {each.alias: each.unalias() for each in tree.expressions if each.alias}
        term = labels.get(term.name, term)
    return term if isinstance(term, exp.Column) else None


def _answers(ask: Query, asked: Mapping[str, Sequence[TieQuestion]]) -> dict[str, dict[str, Any]]:
    """Return what a database that knows the statements tells, by shape; that with most ties."""
    every = [(shape, one) for shape, questions in asked.items() for one in questions]
    if not every:
        return {}
    calls = (
        f"SELECT {number}, pg_temp.assay_tied({literal(one.sql)});"
        for number, (_, one) in enumerate(every)
    )
    try:
        rows = ask("\n".join((_FUNCTION, f"SET statement_timeout = {_TIMEOUT_MS};", *calls)))
    except AssayError:
        return {}
    found: dict[str, dict[str, Any]] = {}
    for number, told in rows:
        if not told:
            continue
        shape, question = every[int(number)]
        entry = {"statement": shape, "keys": list(question.keys), **json.loads(told)}
        if shape not in found or entry["tied_count"] > found[shape]["tied_count"]:
            found[shape] = entry
    return found
