"""Answer a repeated, identical read of one request from its first answer.

A simulated rewrite: it shows what asking once would save. Any statement that is not a plain
read empties the memory, so nothing that was written meanwhile is missed.
"""

from collections.abc import Callable, Mapping
from typing import Any

from flask_assay.experiments.interventions.stand_in import (
    Executor,
    StandInCursor,
    always,
    answer_reads,
)

__all__ = ["apply"]


def apply(
    app: Any, parameters: Mapping[str, Any], is_on: Callable[[], bool] = always
) -> Callable[[], None]:
    """Remember the reads of an endpoint's requests from now on.

    Args:
        app: The loaded Flask app.
        parameters: "endpoint", and "statement", the shape that is repeated.
        is_on: Whether the current request has the change.

    Returns:
        What takes it back.
    """
    from flask import g

    def answer(execute: Executor, cursor: Any, statement: str, values: Any, context: Any) -> None:
        memory: dict[str, tuple[Any, list[Any]]] = g.setdefault("_assay_memo", {})
        key = f"{statement}\0{values!r}"
        if key not in memory:
            execute(cursor, statement, values, context)
            memory[key] = (cursor.description, cursor.fetchall())
        context.cursor = StandInCursor(cursor, *memory[key])

    def forget() -> None:
        g.pop("_assay_memo", None)

    return answer_reads(parameters, is_on, answer=answer, forget=forget)
