"""Redis: each round trip of a connection, with its replies; a pipeline is one trip."""

import re
from types import ModuleType
from typing import Any

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.recording.wire import SPAN

__all__ = ["SENSOR"]

_TRIP = "_assay_trip"
_NEXT = "_assay_next"
_READS = frozenset({"GET", "HGET", "GETEX", "GETDEL", "JSON.GET"})
_PREFIX = re.compile(r"([A-Za-z][A-Za-z_-]{0,31})[:/.]")
_MAX_COMMAND = 24


class _Trip:
    """A trip under way: its span is rewritten with each reply, as none is known to be the last."""

    __slots__ = ("detail", "flags", "name", "packed", "replies", "site", "start_ns")

    def __init__(self, start_ns: int, name: int, detail: int, flags: int, site: int) -> None:
        self.start_ns = start_ns
        self.name = name
        self.detail = detail
        self.flags = flags
        self.site = site
        self.replies = 0
        self.packed = bytearray(SPAN.size)

    def write(self, now: int) -> None:
        """Bring the span up to date."""
        SPAN.pack_into(
            self.packed, 0, int(SpanKind.CACHE), self.flags, 0, self.name, self.site, self.detail,
            self.start_ns, max(0, now - self.start_ns), self.replies, 0,
        )  # fmt: skip


def _install(wiring: Wiring, module: ModuleType) -> None:
    trips = _Trips(wiring.recorder)
    owner = getattr(module, "AbstractConnection", None) or module.Connection
    wiring.around(owner, "send_command", trips.before_command, trips.after_command)
    wiring.around(owner, "send_packed_command", trips.before_send, trips.after_send)
    wiring.around(owner, "read_response", trips.before_read, trips.after_read)


class _Trips:
    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder
        self._calls = 0

    def before_command(self, connection: Any, *args: Any, **_kwargs: Any) -> Any:
        vars(connection)[_NEXT] = args
        return connection

    def after_command(self, connection: Any, result: Any, raised: BaseException | None) -> None:
        vars(connection).pop(_NEXT, None)

    def before_send(self, connection: Any, *_args: Any, **_kwargs: Any) -> _Trip:
        recorder = self._recorder
        start = recorder.clock()
        command = vars(connection).pop(_NEXT, None)
        flags = recorder.transaction_flag()
        if command is None:
            name, detail = "PIPELINE", ""
            flags |= SpanFlag.PIPELINE
        else:
            name, detail = _command_shape(command)
        self._calls += 1
        plan = recorder.plan
        is_sampled = self._calls <= 256 or not self._calls % (plan.call_site_every or 1)
        trip = _Trip(
            start,
            recorder.names.id("command", name),
            recorder.names.id("key", detail),
            int(flags),
            recorder.site() if is_sampled else 0,
        )
        vars(connection)[_TRIP] = trip
        return trip

    def after_send(self, trip: _Trip, result: Any, raised: BaseException | None) -> None:
        if raised is not None:
            trip.flags |= SpanFlag.ERROR
        trip.write(self._recorder.clock())
        self._recorder.keep(trip.packed)

    def before_read(self, connection: Any, *_args: Any, **_kwargs: Any) -> _Trip | None:
        trip: _Trip | None = vars(connection).get(_TRIP)
        return trip

    def after_read(self, trip: _Trip, result: Any, raised: BaseException | None) -> None:
        trip.replies += 1
        if raised is not None:
            trip.flags |= SpanFlag.ERROR
        elif not trip.flags & SpanFlag.PIPELINE and trip.name in self._read_names():
            trip.flags |= SpanFlag.MISS if result is None else SpanFlag.HIT
        trip.write(self._recorder.clock())

    def _read_names(self) -> set[int]:
        ids = self._recorder.names
        return {ids.id("command", command) for command in _READS}


def _command_shape(command: tuple[Any, ...]) -> tuple[str, str]:
    """Return the command, and the first part of its key if that is plainly a word."""
    name = _text(command[0]).upper()[:_MAX_COMMAND] if command else ""
    prefix = _PREFIX.match(_text(command[1])) if len(command) > 1 else None
    return name, f"{prefix[1]}:{{}}" if prefix else ""


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)[:200]


SENSOR = Sensor("redis", {"redis.connection": _install, "valkey.connection": _install})
