"""Answer a repeated, identical read of one request from its first answer.

A simulated rewrite: it shows what asking once would save. Any statement that is not a plain
read empties the memory, so nothing that was written meanwhile is missed.
"""

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

__all__ = ["apply"]


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Remember the reads of an endpoint's requests from now on.

    Parameters: "endpoint", and "statement", the shape that is repeated.
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
