"""Pool: how long a connection was waited for, how long it was held, when a new one was opened."""

from collections.abc import Callable
from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.switch import Switch
from flask_assay.probe.wiring import Sensor, Wiring

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
        switch, recorder, take = self._switch, self._recorder, self._take

        def checkout(cls: Any, *args: Any) -> Any:
            start = recorder.start(switch)
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
        switch, give_back = self._switch, self._give_back

        def checkin(record: Any, *args: Any, **kwargs: Any) -> Any:
            if switch.on:
                give_back(record)
            return original(record, *args, **kwargs)

        return checkin

    def _take(self, start: int, fairy: Any) -> None:
        recorder = self._recorder
        try:
            if fairy is None:
                recorder.span(_WAIT, 0, start, flags=_ERROR)
                return
            record = fairy._connection_record
            found = vars(record)
            number, site = found.get("_assay_number"), 0
            if not number:  # who opens a connection may be who keeps it
                number, site = self._number(record), recorder.site()
            connection = record.dbapi_connection
            known = recorder.connections
            if len(known) >= _MAX_KNOWN:
                known.clear()
            known[id(connection)] = number
            recorder.span(_WAIT, 0, start, connection=number, site=site)
            work = recorder.work()
            if work is not recorder.background:
                work.held.append(connection)
            found["_assay_use"] = recorder.clock(), number, connection, work.held
        except Exception as error:
            self._switch.fail(error)

    def _give_back(self, record: Any) -> None:
        try:
            use = vars(record).pop("_assay_use", None)
            if use is not None:
                start, number, connection, held = use
                if connection in held:
                    held.remove(connection)
                self._recorder.span(_HELD, 0, start, connection=number)
        except Exception as error:
            self._switch.fail(error)

    def _number(self, record: Any) -> int:
        self._last = self._last % _MAX_NUMBER + 1
        record._assay_number = self._last
        return self._last


SENSOR = Sensor(
    "pool",
    {"sqlalchemy.pool.base": _install, "sqlalchemy.engine.default": _install_connect},
)
