"""Counts the statements of a stretch of a test, and shows them when there are too many."""

import sys
from collections import Counter
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

from flask_assay.sandbox.sandbox import Sandbox
from flask_assay.sandbox.signals import Query, call_site
from flask_assay.sandbox.statements import shape

__all__ = ["QueryCounter"]

_DEAF = (
    "assay_queries cannot count here: the test runs on a clone, and uses a connection that is not "
    "SQLAlchemy's.\n\nStatements of such connections are counted in the rollback gear alone."
)


class QueryCounter:
    """A context manager; call it with a bound, or ask it afterwards.

    On a clone it knows what SQLAlchemy sends, and refuses where other connections are used.

    Example::

        with assay_queries(at_most=3):
            client.get("/orders")
    """

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._exactly: int | None = None
        self._at_most: int | None = None
        self._deafen: Callable[[], None] = _nothing
        self.queries: list[Query] = []

    def __call__(self, exactly: int | None = None, *, at_most: int | None = None) -> Self:
        """Set the bound for the next ``with``."""
        self._exactly, self._at_most = exactly, at_most
        return self

    @property
    def count(self) -> int:
        """How many statements were sent in the last ``with``."""
        return len(self.queries)

    def __enter__(self) -> Self:
        self.queries = self._sandbox.listen()
        if self._sandbox.gear == "clone" and "sqlalchemy" in sys.modules:
            from sqlalchemy import event
            from sqlalchemy.engine import Engine

            event.listen(Engine, "before_cursor_execute", self._sent)
            self._deafen = partial(event.remove, Engine, "before_cursor_execute", self._sent)
        return self

    def _sent(self, connection: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
        """Note what goes to a clone, whose connections are the driver's own."""
        if connection.dialect.name == "postgresql":
            self.queries.append(Query(shape(statement), call_site()))

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sandbox.stop_listening()
        self._deafen()
        self._deafen = _nothing
        exactly, at_most = self._exactly, self._at_most
        self._exactly = self._at_most = None
        if kind is not None or exactly is at_most is None:
            return
        current = self._sandbox._current
        if current is not None and current.journal.is_deaf:
            raise AssertionError(_DEAF)
        if exactly is not None and self.count != exactly:
            raise AssertionError(self._message(f"expected exactly {exactly}"))
        if at_most is not None and self.count > at_most:
            raise AssertionError(self._message(f"expected at most {at_most}"))

    def _message(self, expected: str) -> str:
        counted = Counter(self.queries)
        many = "statement was" if self.count == 1 else "statements were"
        lines = [f"{self.count} {many} sent, {expected}"]
        for query, times in counted.items():
            lines.append(f"  {times:>3} x {query.text}")
            lines.append(f"        {query.site or 'unknown place'}")
        return "\n".join(lines)


def _nothing() -> None:
    """Nothing to undo."""
