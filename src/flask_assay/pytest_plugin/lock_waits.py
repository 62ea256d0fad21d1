"""A statement that waited too long for a lock: who holds it is said beside the error."""

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from flask_assay.pytest_plugin.host import Host
from flask_assay.sandbox.on_import import on_import
from flask_assay.sandbox.statements import shape

__all__ = ["LockWaits"]

_LOCK_NOT_AVAILABLE = "55P03"
_TOO_LONG = "lock timeout"
_OPEN = """SELECT state, round(extract(epoch FROM clock_timestamp() - xact_start), 1), query
FROM pg_stat_activity WHERE starts_with(datname, '{prefix}') AND xact_start IS NOT NULL
AND state IN ('active', 'idle in transaction') ORDER BY xact_start"""


class LockWaits:
    """Adds a note to errors of lock waits that PostgreSQL has ended.

    With SQLAlchemy it is added where the error is made, while the holder still holds its lock.

    Args:
        host: Of this process.
        limit_s: After how long they are ended.
    """

    def __init__(self, host: Host, limit_s: float) -> None:
        self._host, self._limit_s = host, limit_s
        self._undo: list[Callable[[], None]] = []
        self._undo.append(on_import("sqlalchemy", self._attach))

    def _attach(self) -> None:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        event.listen(Engine, "handle_error", self._handle)
        self._undo.append(partial(event.remove, Engine, "handle_error", self._handle))

    def pytest_unconfigure(self) -> None:
        """Let go of SQLAlchemy."""
        while self._undo:
            self._undo.pop()()

    def _handle(self, context: Any) -> None:
        self._explain(context.original_exception, context.sqlalchemy_exception)

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_makereport(self, call: pytest.CallInfo[None]) -> None:
        """Explain an error that did not come through SQLAlchemy."""
        if call.excinfo is not None:
            self._explain(call.excinfo.value, call.excinfo.value)

    def _explain(self, error: BaseException, shown: BaseException | None) -> None:
        if self._host.stands_back or not self._host.is_started:
            return
        state = getattr(error, "sqlstate", None) or getattr(error, "pgcode", None)
        if state == _LOCK_NOT_AVAILABLE and _TOO_LONG in str(error):
            (shown or error).add_note(self._note())

    def _note(self) -> str:
        sandbox = self._host.sandbox
        prefix = f"assay_{sandbox.server.run_id}_{sandbox.worker}_"
        rows: list[tuple[Any, ...]] = []
        with contextlib.suppress(Exception):
            rows = sandbox.admin.run(_OPEN.format(prefix=prefix))
        holders = [
            f"  {state} for {age} s, last sent: {shape(query)}" for state, age, query in rows
        ]
        if holders:
            holders.insert(0, "Transactions that are open beside it:")
        text = (
            "assay: the statement waited for a lock until PostgreSQL ended it, after "
            f"{self._limit_s:g} s unless the app says otherwise (setting assay_lock_wait)."
        )
        return "\n".join((text, *holders))
