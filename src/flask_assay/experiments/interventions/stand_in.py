"""What interventions inside the target have in common: where they apply, and how they answer.

A cursor that answers from rows already fetched stands in for round trips that a rewrite would
save.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

__all__ = [
    "Executor",
    "IsOn",
    "Parameters",
    "StandInCursor",
    "Undo",
    "always",
    "answer_reads",
    "intercept",
    "is_read",
    "of_shape",
    "on_endpoint",
    "put",
    "undo",
]

Executor = Callable[[Any, str, Any, Any], None]
IsOn = Callable[[], bool]
"""Whether the current request has the change."""
Parameters = Mapping[str, Any]
Undo = Callable[[], None]
"""Takes a change back."""

_READ = ("select", "with")
_VOLATILE = ("for update", "for share", "nextval(", "random(", "clock_timestamp(", "gen_random",
             "pg_advisory", "setval(", "uuidv7(", "insert ", "update ", "delete ")  # fmt: skip


def always() -> bool:
    """Return that a change is in force: where a process has one arm only."""
    return True


def on_endpoint(endpoint: str, is_on: Callable[[], bool]) -> Callable[[], bool]:
    """Return a test whether the current request is one of an endpoint and has the change."""
    from flask import has_request_context, request

    def is_here() -> bool:
        return has_request_context() and request.endpoint == endpoint and is_on()

    return is_here


def put(owner: Any, name: str, value: Any) -> Callable[[], None]:
    """Replace an attribute of a class or module; return what puts the original back."""
    original = vars(owner)[name]
    setattr(owner, name, value)
    return lambda: setattr(owner, name, original)


def undo(restore: Sequence[Callable[[], None]]) -> Callable[[], None]:
    """Return one function that takes back several changes, the last one first."""

    def undo_all() -> None:
        for each in reversed(restore):
            each()

    return undo_all


class StandInCursor:
    """Rows in hand, with the part of the DBAPI cursor that SQLAlchemy reads a result by.

    Args:
        cursor: The real one, for everything else that a dialect asks of it.
        description: Of the cursor that fetched the rows.
        rows: All rows.
        rowcount: Rows that a statement that writes is said to have changed.
    """

    arraysize = 1

    def __init__(
        self, cursor: Any, description: Any, rows: Sequence[Any], rowcount: int | None = None
    ) -> None:
        self._cursor = cursor
        self.description = description
        self.rowcount = len(rows) if rowcount is None else rowcount
        self._rows = rows
        self._at = 0

    def fetchone(self) -> Any:
        """Return the next row, None after the last."""
        if self._at >= len(self._rows):
            return None
        self._at += 1
        return self._rows[self._at - 1]

    def fetchmany(self, size: int | None = None) -> Sequence[Any]:
        """Return the next rows."""
        end = self._at + (size or self.arraysize)
        found, self._at = self._rows[self._at : end], min(end, len(self._rows))
        return found

    def fetchall(self) -> Sequence[Any]:
        """Return the rows that are left."""
        found, self._at = self._rows[self._at :], len(self._rows)
        return found

    def __iter__(self) -> Iterator[Any]:
        return iter(self.fetchall())

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cursor, name)

    def close(self) -> None:
        """Close the real cursor."""
        self._cursor.close()


def is_read(statement: str) -> bool:
    """Return whether a statement reads only, and gives the same rows when asked again."""
    text = statement.lstrip().lower()
    return text.startswith(_READ) and not any(word in text for word in _VOLATILE)


def of_shape(wanted: str) -> Callable[[str], bool]:
    """Return a fast test for statements of one shape that only read."""
    from flask_assay.model.sql_shape import sql_shape

    known: dict[str, bool] = {}

    def is_wanted(statement: str) -> bool:
        if statement not in known:
            known[statement] = sql_shape(statement) == wanted and is_read(statement)
        return known[statement]

    return is_wanted


def intercept(around: Callable[[Executor, Any, str, Any, Any], None]) -> Callable[[], None]:
    """Let a function decide how each statement of the process is executed.

    Args:
        around: Called as ``around(execute, cursor, statement, parameters, context)``.

    Returns:
        What takes it back.
    """
    from sqlalchemy.engine.default import DefaultDialect

    original = DefaultDialect.do_execute

    def do_execute(
        self: Any, cursor: Any, statement: str, parameters: Any, context: Any = None
    ) -> None:
        def execute(cursor: Any, statement: str, parameters: Any, context: Any) -> None:
            original(self, cursor, statement, parameters, context)  # type: ignore[no-untyped-call]

        around(execute, cursor, statement, parameters, context)

    return put(DefaultDialect, "do_execute", do_execute)


def answer_reads(
    parameters: Mapping[str, Any],
    is_on: Callable[[], bool],
    *,
    answer: Callable[[Executor, Any, str, Any, Any], None],
    forget: Callable[[], None],
) -> Callable[[], None]:
    """Answer the reads of one shape on one endpoint in another way.

    Args:
        parameters: "endpoint", and "statement", the shape.
        is_on: Whether the current request has the change.
        answer: Called as ``execute`` is, with ``execute`` before it, for each such read.
        forget: Called before any statement that does more than read: what was kept may be old.

    Returns:
        What takes it back.
    """
    is_here = on_endpoint(parameters["endpoint"], is_on)
    is_wanted = of_shape(parameters["statement"])

    def around(execute: Executor, cursor: Any, statement: str, values: Any, context: Any) -> None:
        if context is None or not is_here():
            execute(cursor, statement, values, context)
        elif is_wanted(statement):
            answer(execute, cursor, statement, values, context)
        else:
            if not is_read(statement):
                forget()
            execute(cursor, statement, values, context)

    return intercept(around)
