"""Pool: how long a connection was waited for, how long it was held, when a new one was opened."""

from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.wiring import Sensor, Wiring

__all__ = ["SENSOR"]

_MAX_NUMBER = 2**16 - 1
_MAX_KNOWN = 4_096


class _Use:
    """One checkout: the record keeps it until its connection comes back."""

    __slots__ = ("connection", "number", "start_ns", "work")

    def __init__(self, start_ns: int, number: int, connection: Any, work: Any) -> None:
        self.start_ns = start_ns
        self.number = number
        self.connection = connection
        self.work = work


def _install(wiring: Wiring, module: ModuleType) -> None:
    pool = _Pool(wiring.recorder)
    # Every pool class hands out and takes back through its records; a disposed pool and the one
    # that replaces it share this class, too.
    record = module._ConnectionRecord
    wiring.around(record, "checkout", pool.before_checkout, pool.after_checkout)
    wiring.around(record, "checkin", pool.before_checkin, pool.after_checkin)


def _install_connect(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder

    def before(*_args: Any, **_kwargs: Any) -> int:
        return recorder.clock()

    def after(start: int, result: Any, raised: BaseException | None) -> None:
        flags = int(SpanFlag.ERROR) if raised is not None else 0
        recorder.span(SpanKind.CONNECT, 0, start, flags=flags)

    wiring.around(module.DefaultDialect, "connect", before, after)


class _Pool:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._last = 0

    def before_checkout(self, *_args: Any) -> int:
        return self._recorder.clock()

    def after_checkout(self, start: int, fairy: Any, raised: BaseException | None) -> None:
        recorder = self._recorder
        if raised is not None:
            recorder.span(SpanKind.POOL_WAIT, 0, start, flags=int(SpanFlag.ERROR))
            return
        record = fairy._connection_record
        number = getattr(record, "_assay_number", 0) or self._number(record)
        connection = record.dbapi_connection
        known = recorder.connections
        if len(known) >= _MAX_KNOWN:
            known.clear()
        known[id(connection)] = number
        recorder.span(SpanKind.POOL_WAIT, 0, start, connection=number)
        work = recorder.work()
        if work is not recorder.background:
            work.held.append(connection)
        record._assay_use = _Use(recorder.clock(), number, connection, work)

    def before_checkin(self, record: Any, *_args: Any, **_kwargs: Any) -> _Use | None:
        use: _Use | None = record.__dict__.pop("_assay_use", None)
        return use

    def after_checkin(self, use: _Use, result: Any, raised: BaseException | None) -> None:
        if use.connection in use.work.held:
            use.work.held.remove(use.connection)
        self._recorder.span(SpanKind.CONNECTION, 0, use.start_ns, connection=use.number)

    def _number(self, record: Any) -> int:
        self._last = self._last % _MAX_NUMBER + 1
        record._assay_number = self._last
        return self._last


SENSOR = Sensor(
    "pool",
    {"sqlalchemy.pool.base": _install, "sqlalchemy.engine.default": _install_connect},
)
