"""Pool: how long a connection was waited for, how long it was held, when a new one was opened."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.switch import Switch
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT
from flask_assay.recording.wire import SPAN

__all__ = ["SENSOR"]

_MAX_NUMBER = 2**16 - 1
_MAX_KNOWN = 4_096
_ERROR = int(SpanFlag.ERROR)
_WAIT, _HELD, _CONNECT = int(SpanKind.POOL_WAIT), int(SpanKind.CONNECTION), int(SpanKind.CONNECT)


def _install(wiring: Wiring, module: ModuleType) -> None:
    pool = _Pool(wiring.recorder, wiring.switch)
    # Every pool class hands out and takes back through its records; a disposed pool and the one
    # that replaces it share this class, too.
    wiring.patches.replace(module._ConnectionRecord, "checkout", pool.checkout)
    wiring.patches.replace(module._ConnectionRecord, "checkin", pool.checkin)


def _install_connect(wiring: Wiring, module: ModuleType) -> None:
    recorder = wiring.recorder

    def before(*_args: Any, **_kwargs: Any) -> int:
        return recorder.clock()

    def after(start: int, result: Any, raised: BaseException | None) -> None:
        recorder.span(_CONNECT, 0, start, flags=_ERROR if raised is not None else 0)

    wiring.around(module.DefaultDialect, "connect", before, after)


class _Pool:
    """Hooks written out instead of ``around``: most requests pass here at least once."""

    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self._recorder = recorder
        self._switch = switch
        self._last = 0

    def checkout(self, original: Callable[..., Any]) -> Callable[..., Any]:
        switch, clock, take = self._switch, self._recorder.clock, self._taker()

        def checkout(cls: Any, *args: Any) -> Any:
            start = 0
            if switch.on:
                try:
                    start = clock()
                except Exception as error:
                    switch.fail(error)
            if not start:
                return original(cls, *args)
            try:
                fairy = original(cls, *args)
            except BaseException:
                take(start, None)
                raise
            take(start, fairy)
            return fairy

        return checkout

    def checkin(self, original: Callable[..., Any]) -> Callable[..., Any]:
        switch, clock, keep = self._switch, self._recorder.clock, self._recorder.keep
        current, pack = CURRENT.get, SPAN.pack

        def give_back(record: Any) -> None:
            use = record.__dict__.pop("_assay_use", None)
            if use is None:
                return
            start, number, connection, borrower = use
            if borrower.held and connection in borrower.held:
                borrower.held.remove(connection)
            packed = pack(_HELD, 0, number, 0, 0, 0, start, clock() - start, -1, 0)
            work = current()
            if work is not None and work.is_open and len(work.spans) < work.cap:
                work.spans.append(packed)
            else:
                keep(packed)

        def checkin(record: Any, *args: Any, **kwargs: Any) -> Any:
            if switch.on:
                try:
                    give_back(record)
                except Exception as error:
                    switch.fail(error)
            return original(record, *args, **kwargs)

        return checkin

    def _taker(self) -> Callable[[int, Any], None]:
        """Return the function that notes a connection which the pool gave, None if it did not."""
        recorder, switch, number_of = self._recorder, self._switch, self._number
        clock, keep, pack, known = recorder.clock, recorder.keep, SPAN.pack, recorder.connections
        current, background = CURRENT.get, recorder.background

        def take(start: int, fairy: Any) -> None:
            try:
                now = clock()
                if fairy is None:
                    keep(pack(_WAIT, _ERROR, 0, 0, 0, 0, start, now - start, -1, 0))
                    return
                record, connection = fairy._connection_record, fairy.dbapi_connection
                found = record.__dict__
                number, site = found.get("_assay_number") or number_of(record)
                if len(known) >= _MAX_KNOWN:
                    known.clear()
                known[id(connection)] = number
                packed = pack(_WAIT, 0, number, 0, site, 0, start, now - start, -1, 0)
                work = current()
                if work is None or not work.is_open:
                    work = background  # of which nobody asks what it holds
                    keep(packed)
                else:
                    work.hold(connection)
                    if len(work.spans) < work.cap:
                        work.spans.append(packed)
                    else:
                        recorder.drop(work)
                found["_assay_use"] = now, number, connection, work
            except Exception as error:
                switch.fail(error)

        return take

    def _number(self, record: Any) -> tuple[int, int]:
        """Number a record at its first checkout; return the number and who asked for it.

        Who opens a connection may be who keeps it; of later checkouts nobody asks.
        """
        self._last = self._last % _MAX_NUMBER + 1
        record._assay_number = self._last, 0
        return self._last, self._recorder.site()


SENSOR = Sensor(
    "pool",
    {"sqlalchemy.pool.base": _install, "sqlalchemy.engine.default": _install_connect},
)
