"""Lets a logical connection of psycopg 3 see the text that a cursor is about to send."""

from typing import Any

from psycopg._cursor_base import BaseCursor

from flask_assay.sandbox.drivers.psycopg3_link import Psycopg3Logical

__all__ = ["Psycopg3Patches"]


class Psycopg3Patches:
    """Lets a logical connection see the text that a cursor is about to send."""

    def __init__(self) -> None:
        self._originals: dict[str, Any] = {}

    def attach(self) -> None:
        """Wrap two methods of psycopg's cursors; idempotent."""
        if self._originals:
            return
        start, copy = BaseCursor._start_query, BaseCursor._start_copy_gen
        self._originals = {"_start_query": start, "_start_copy_gen": copy}

        def start_query(cursor: Any, query: Any = None) -> Any:
            if isinstance(cursor._conn, Psycopg3Logical) and query is not None:
                cursor._conn._assay_query = query
            return start(cursor, query)

        def start_copy(cursor: Any, statement: Any, params: Any = None) -> Any:
            if isinstance(cursor._conn, Psycopg3Logical):
                cursor._conn._assay_query = statement
            return copy(cursor, statement, params)

        BaseCursor._start_query = start_query  # type: ignore[method-assign, assignment]
        BaseCursor._start_copy_gen = start_copy  # type: ignore[method-assign, assignment]

    def detach(self) -> None:
        """Undo ``attach``; idempotent."""
        for name, original in self._originals.items():
            setattr(BaseCursor, name, original)
        self._originals = {}
