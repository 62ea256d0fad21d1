"""Answer a statement that a request repeats with other parameters by one batched statement.

A simulated rewrite: the first visit of a path notes the parameters in order; a later visit of the
same path runs ::

    SELECT k.i, q.* FROM unnest(:p) WITH ORDINALITY AS k(p, i) CROSS JOIN LATERAL (<original>) q

once and answers the rest from its rows. ORDER BY and LIMIT stay right inside LATERAL. Rows in
hand are not used after a statement that is not a plain read.

References:
    PostgreSQL documentation, "LATERAL Subqueries".
"""

import hashlib
import re
from collections.abc import Mapping, Sequence
from typing import Any

from flask_assay.experiments.interventions.stand_in import (
    Executor,
    IsOn,
    Parameters,
    StandInCursor,
    Undo,
    always,
    answer_reads,
)

__all__ = ["apply", "batched"]

_LEAST = 3
_LONGEST_BODY = 1_000_000
_PLACEHOLDER = re.compile(r"%\((\w+)\)s(?:::\w+)?")
_ARRAY_TYPES: Mapping[type, str] = {bool: "bool", int: "int8", str: "text", float: "float8"}


def batched(statement: str, values: Sequence[Mapping[str, Any]]) -> tuple[str, list[Any]] | None:
    """Return one statement for many executions and its arrays, None if it can not be made.

    Args:
        statement: SQL with pyformat placeholders.
        values: Parameters of each execution.
    """
    names = list(dict.fromkeys(_PLACEHOLDER.findall(statement)))
    if not names or len(values) < _LEAST:
        return None
    types = []
    for name in names:
        kinds = {type(each[name]) for each in values if each.get(name) is not None}
        if len(kinds) != 1 or (kind := kinds.pop()) not in _ARRAY_TYPES:
            return None
        types.append(_ARRAY_TYPES[kind])
    inner = _PLACEHOLDER.sub(lambda match: f"k.p{names.index(match[1])}", statement)
    arrays = ", ".join(f"%s::{kind}[]" for kind in types)
    columns = ", ".join(f"p{number}" for number in range(len(names)))
    sql = (
        f"SELECT k.i, q.* FROM unnest({arrays}) WITH ORDINALITY AS k({columns}, i) "
        f"CROSS JOIN LATERAL ({inner}) q ORDER BY k.i"
    )
    return sql, [[each.get(name) for each in values] for name in names]


class _Batch:
    """What one request knows: parameters foreseen, rows in hand, parameters seen."""

    def __init__(self, asked: str, foreseen: Sequence[Mapping[str, Any]]) -> None:
        self.asked = asked
        self.foreseen = foreseen
        self.seen: list[Mapping[str, Any]] = []
        self.answers: dict[str, tuple[Any, list[Any]]] = {}
        self.is_over = False


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Batch one repeated statement of an endpoint from now on.

    Parameters: "endpoint", and "statement", the shape that is repeated.
    """
    from flask import g

    foreseen: dict[str, list[Mapping[str, Any]]] = {}
    # a request may have several statements batched
    name = f"_assay_batch_{id(foreseen)}"

    def current() -> _Batch:
        batch: _Batch | None = g.get(name)
        if batch is None:
            asked = _what_was_asked()
            batch = _Batch(asked, foreseen.get(asked, ()))
            setattr(g, name, batch)
        return batch

    def answer(execute: Executor, cursor: Any, statement: str, values: Any, context: Any) -> None:
        if not isinstance(values, Mapping):
            execute(cursor, statement, values, context)
            return
        batch = current()
        batch.seen.append(dict(values))
        foreseen[batch.asked] = batch.seen
        if not batch.answers and not batch.is_over:
            _fetch(batch, execute, cursor, statement, context)
        known = None if batch.is_over else batch.answers.get(repr(dict(values)))
        if known is None:
            execute(cursor, statement, values, context)
        else:
            context.cursor = StandInCursor(cursor, *known)

    def forget() -> None:
        batch = current()
        # what is written before the first of the reads is seen by the one that fetches all
        batch.is_over = batch.is_over or bool(batch.answers)

    return answer_reads(parameters, is_on, answer=answer, forget=forget)


def _what_was_asked() -> str:
    """Return what tells one request from another: path, query, and a form or JSON as it came."""
    from flask import request

    if not request.content_length or request.content_length > _LONGEST_BODY:
        return request.full_path
    digest = hashlib.sha256(request.get_data(cache=True)).hexdigest()
    form = hashlib.sha256(repr(sorted(request.form.items(multi=True))).encode()).hexdigest()
    return f"{request.full_path} {digest} {form}"


def _fetch(batch: _Batch, execute: Executor, cursor: Any, statement: str, context: Any) -> None:
    """Run the batched statement and sort its rows by execution."""
    made = batched(statement, batch.foreseen)
    if made is None:
        batch.is_over = True
        return
    sql, arrays = made
    execute(cursor, sql, arrays, context)
    description = cursor.description[1:]
    answers: dict[str, tuple[Any, list[Any]]] = {
        repr(dict(each)): (description, []) for each in batch.foreseen
    }
    keys = list(map(repr, map(dict, batch.foreseen)))
    for row in cursor.fetchall():
        answers[keys[row[0] - 1]][1].append(tuple(row[1:]))
    batch.answers = answers
