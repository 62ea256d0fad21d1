"""Transactions: commits and rollbacks that ended one, by what the driver says of itself.

SQLAlchemy begins when the first statement is sent, in the driver; so a transaction reaches from
the first query on a connection to the commit or rollback that follows. A rollback without a
transaction, such as the reset when a connection is returned, sends nothing and is left out.
"""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.drivers import transaction_state
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT
from flask_assay.recording.wire import SPAN

__all__ = ["SENSOR"]

_ERROR, _IN_TRANSACTION = int(SpanFlag.ERROR), int(SpanFlag.IN_TRANSACTION)


def _install(wiring: Wiring, module: ModuleType) -> None:
    for name, kind in (("do_commit", SpanKind.COMMIT), ("do_rollback", SpanKind.ROLLBACK)):
        wiring.patches.replace(module.DefaultDialect, name, _hook(wiring, int(kind)))


def _hook(wiring: Wiring, kind: int) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Return what makes the hook, written out instead of ``around``: many requests pass here."""
    switch, clock, finish = wiring.switch, wiring.recorder.clock, _finisher(wiring, kind)

    def make(original: Callable[..., Any]) -> Callable[..., Any]:
        def end(dialect: Any, connection: Any) -> Any:
            flags = start = 0
            if switch.on:
                try:
                    state = transaction_state(getattr(connection, "dbapi_connection", connection))
                    if state is not False:
                        flags = _IN_TRANSACTION if state else 0
                        start = clock()
                except Exception as error:
                    switch.fail(error)
            if not start:
                return original(dialect, connection)
            try:
                result = original(dialect, connection)
            except BaseException:
                finish(connection, start, flags | _ERROR)
                raise
            finish(connection, start, flags)
            return result

        return end

    return make


def _finisher(wiring: Wiring, kind: int) -> Callable[[Any, int, int], None]:
    switch, recorder = wiring.switch, wiring.recorder
    clock, connections, keep, pack = recorder.clock, recorder.connections, recorder.keep, SPAN.pack
    current = CURRENT.get

    def finish(connection: Any, start: int, flags: int) -> None:
        try:
            wall = clock() - start
            number = connections.get(id(getattr(connection, "dbapi_connection", connection)), 0)
            packed = pack(kind, flags, number, 0, 0, 0, start, wall, -1, 0)
            work = current()
            if work is not None and work.is_open and len(work.spans) < work.cap:
                work.spans.append(packed)
            else:
                keep(packed)
        except Exception as error:
            switch.fail(error)

    return finish


SENSOR = Sensor("transactions", {"sqlalchemy.engine.default": _install})
