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
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.wiring import Sensor, Wiring

__all__ = ["SENSOR"]


def _install(wiring: Wiring, module: ModuleType) -> None:
    for name, kind in (("do_commit", SpanKind.COMMIT), ("do_rollback", SpanKind.ROLLBACK)):
        wiring.around(module.DefaultDialect, name, *_hooks(wiring.recorder, kind))


def _hooks(recorder: Recorder, kind: SpanKind) -> tuple[Callable[..., Any], Callable[..., None]]:
    def before(dialect: Any, connection: Any) -> tuple[int, int, int] | None:
        driver_connection = getattr(connection, "dbapi_connection", connection)
        state = transaction_state(driver_connection)
        if state is False:
            return None
        flags = int(SpanFlag.IN_TRANSACTION) if state else 0
        number = recorder.connections.get(id(driver_connection), 0)
        return recorder.clock(), flags, number

    def after(token: tuple[int, int, int], result: Any, raised: BaseException | None) -> None:
        start, flags, number = token
        if raised is not None:
            flags |= SpanFlag.ERROR
        recorder.span(kind, 0, start, flags=flags, connection=number)

    return before, after


SENSOR = Sensor("transactions", {"sqlalchemy.engine.default": _install})
