"""What is known of each statement text: its shape, and what was already recorded of it."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from flask_assay.model.rows import SpanKind
from flask_assay.model.sql_shape import is_counted, sql_shape, statement_verb

__all__ = ["MAX_SAVED", "Shape", "Statements"]

MAX_SAVED = 3  # parameter sets of one shape
MAX_TEXTS = 2_000
MAX_TEXTS_CHARS = 2_000_000
MAX_ENDPOINTS = 200
_SAVEPOINTS = frozenset({"SAVEPOINT", "RELEASE"})


class Shape:
    """One statement shape.

    Attributes:
        name: Its id in the recording.
        kind: Span kind.
        counted: 1 if PostgreSQL counts its executions, else 0.
        is_select: Whether a lazy load may have sent it.
        calls: Executions by endpoint, for the sampling of call sites.
        unsaved: Parameter sets that may still be saved.
    """

    __slots__ = ("calls", "counted", "is_select", "kind", "name", "text", "unsaved")

    def __init__(self, text: str, name: int, unsaved: int) -> None:
        verb = statement_verb(text)
        self.text = text
        self.name = name
        self.kind = int(SpanKind.SAVEPOINT if verb in _SAVEPOINTS else SpanKind.QUERY)
        self.counted = int(is_counted(text))
        self.is_select = verb in {"SELECT", "WITH"}
        self.calls: dict[str, int] = {}
        self.unsaved = unsaved if self.counted else 0

    def wants_site(self, endpoint: str, first: int, every: int) -> bool:
        """Count an execution for an endpoint; say whether its call site is to be looked up.

        Args:
            endpoint: Whose request it is.
            first: Executions that are all looked up.
            every: After these, one in so many; 0 for none.
        """
        calls = self.calls
        n = calls.get(endpoint, 0)
        if n or len(calls) < MAX_ENDPOINTS:
            calls[endpoint] = n + 1
        return n < first or (every > 0 and not n % every)


class Statements:
    """Shapes by statement text; bounded, since an app may send a new text each time.

    Attributes:
        by_text: What is known.
        unsaved: Parameter sets that could not be written.

    Args:
        name: Returns the id of a shape's text.
        private_dir: Where parameter values go; None keeps none.
    """

    def __init__(self, name: Callable[[str], int], private_dir: Path | None) -> None:
        self._name = name
        self._private_dir = private_dir
        self.by_text: dict[str, Shape] = {}
        self.reset()

    def reset(self) -> None:
        """Forget everything; the dictionary stays the same object."""
        self.by_text.clear()
        self._by_name: dict[int, Shape] = {}
        self.unsaved = 0
        self._chars = 0

    def learn(self, text: str) -> Shape:
        """Return the shape of a text that is not in ``by_text``, and put it there."""
        shape_text = sql_shape(text)
        name = self._name(shape_text)
        shape = self._by_name.get(name)
        if shape is None or (shape.text != shape_text and shape.counted != is_counted(shape_text)):
            unsaved = MAX_SAVED if self._private_dir is not None else 0
            shape = self._by_name[name] = Shape(shape_text, name, unsaved)
        if len(self.by_text) >= MAX_TEXTS or self._chars > MAX_TEXTS_CHARS:
            self.by_text.clear()
            self._chars = 0
        self.by_text[text] = shape
        self._chars += len(text)
        return shape

    def save_parameters(self, shape: Shape, cursor: Any, statement: str, parameters: Any) -> None:
        """Append the statement, with its values in it, to the private side file."""
        shape.unsaved -= 1
        try:
            sql = _with_values(cursor, statement, parameters)
            if sql is None or self._private_dir is None:
                self.unsaved += 1
            else:
                line = json.dumps({"statement": shape.text, "sql": sql}) + "\n"
                _append(self._private_dir / f"parameters-{os.getpid()}.jsonl", line)
        except Exception:  # a value that the driver cannot write as text; a directory that is full
            self.unsaved += 1


def _append(path: Path, line: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        os.write(file, line.encode())
    finally:
        os.close(file)


def _with_values(cursor: Any, statement: str, parameters: Any) -> str | None:
    """Return the SQL with its values as the driver itself writes them, None if it cannot."""
    driver = type(cursor).__module__.partition(".")[0]
    if not hasattr(cursor, "execute") or not hasattr(cursor, "connection"):
        return None  # a ping has no cursor
    if driver == "psycopg2":
        return str(cursor.mogrify(statement, parameters or None).decode())
    if driver == "psycopg":
        import psycopg

        return psycopg.ClientCursor(cursor.connection).mogrify(statement, parameters or None)
    return None
