"""The recorder: what all sensors of a process write to."""

import os
import time
from collections.abc import Callable
from typing import Any, Protocol

from flask_assay.model.rows import RequestFlag, SpanFlag
from flask_assay.probe.call_sites import CallSites
from flask_assay.probe.drivers import in_transaction
from flask_assay.probe.names import Names
from flask_assay.probe.plan import ProbePlan
from flask_assay.probe.sink import Sink
from flask_assay.probe.statements import Statements
from flask_assay.probe.switch import Switch
from flask_assay.probe.work import CURRENT, Background, Work
from flask_assay.recording import wire

__all__ = ["Counts", "Recorder"]

MAX_ROWS = 2**31 - 1
_pack = wire.SPAN.pack
_STACKS_EVERY_NS = 1_000_000_000  # names of frames are long: many samples share one
_BACKGROUND_FLUSH = 1_000  # spans; without requests there is no thread that would write them


class StackSource(Protocol):
    """What samples CPU stacks."""

    def take(self) -> dict[str, int]:
        """Return the stacks since the last call, and microseconds of CPU."""
        ...

    def facts(self) -> dict[str, object]:
        """Return how it samples, and its totals."""
        ...

    def reset(self) -> None:
        """Begin anew in a forked process."""
        ...


class Counts:
    """Exact totals of one process.

    ``+=`` on a slot is one step for other threads: CPython switches threads at calls and
    backward jumps only, and there is none in between.
    """

    __slots__ = ("queries", "spans_dropped")

    def __init__(self) -> None:
        self.queries = self.spans_dropped = 0


class Recorder:
    """Names, spans, counts and rows of one process.

    Args:
        plan: What to record.
        clock: Monotonic nanoseconds.
    """

    def __init__(self, plan: ProbePlan, clock: Callable[[], int] = time.monotonic_ns) -> None:
        self.plan = plan
        self.clock = clock
        self.switches: dict[str, Switch] = {}
        self.counts = Counts()
        self.background = Background()
        self.connections: dict[int, int] = {}  # id of a driver connection → its number
        self.stacks: StackSource | None = None
        self._stacks_due_ns = 0
        # By id of the URL rule, and method: the rule, and the name ids of route and endpoint.
        self.routes: dict[tuple[int, str], tuple[Any, int, int]] = {}
        self.app_hooks: list[Callable[[Any], None]] = []
        self.sees_views = False
        self.apps: dict[int, int] = {}  # id of an app → number of views when it was last seen to
        self.salt = os.urandom(8)
        self.sink = Sink(plan.recording_dir, self._opening, self._closing)
        self.names = Names(self.sink.append_name)
        self.sites = CallSites(plan.project_root, lambda text: self.names.id("site", text))
        self.statements = Statements(
            lambda text: self.names.id("statement", text), plan.private_dir
        )

    def reset(self) -> None:
        """Begin anew in a forked process."""
        CURRENT.set(None)
        self.sink.reset()
        self.names.reset()
        self.sites.reset()
        self.statements.reset()
        self.background.spans.clear()
        self.connections.clear()
        if self.stacks is not None:
            self.stacks.reset()
        self.routes.clear()
        self.apps.clear()
        self.counts.queries = self.counts.spans_dropped = 0

    def work(self) -> Work:
        """Return the work that the running code belongs to."""
        work = CURRENT.get()
        return self.background if work is None or not work.is_open else work

    def start(self, switch: Switch) -> int:
        """Return the time, 0 if the sensor of this switch is off."""
        if not switch.on:
            return 0
        try:
            return self.clock()
        except Exception as error:
            switch.fail(error)
            return 0

    def site(self) -> int:
        """Return the id of the user's line that is responsible, 0 if unknown."""
        return self.sites.find() if self.plan.call_sites else 0

    def span(  # noqa: PLR0913 - the facts of a span, by name
        self,
        kind: int,
        name: int,
        start_ns: int,
        *,
        flags: int = 0,
        connection: int = 0,
        site: int = 0,
        detail: int = 0,
        rows: int = -1,
    ) -> None:
        """Write a span that ends now.

        Args:
            kind: A ``SpanKind``.
            name: Id of its name.
            start_ns: When it began.
            flags: ``SpanFlag`` bits.
            connection: Number of the pooled connection.
            site: Id of the call site.
            detail: Id of the detail.
            rows: Rows, replies, messages; -1 unknown.
        """
        wall = self.clock() - start_ns
        self.keep(_pack(kind, flags, connection, name, site, detail, start_ns, wall, rows, 0))

    def keep(self, packed: bytes | bytearray) -> None:
        """Add a packed span to the work under way."""
        work = CURRENT.get()
        if work is None or not work.is_open:
            work = self.background
        spans = work.spans
        if len(spans) >= work.cap:
            self.drop(work)
            return
        spans.append(packed)
        if work is self.background and not len(spans) % _BACKGROUND_FLUSH:
            self.sink.flush()

    def drop(self, work: Work) -> None:
        """Count a span that does not fit."""
        work.dropped += 1
        self.counts.spans_dropped += 1

    def transaction_flag(self) -> int:
        """Return ``IN_TRANSACTION`` if the work holds a connection with an open transaction."""
        held = self.work().held or ()
        return int(SpanFlag.IN_TRANSACTION) if any(map(in_transaction, held)) else 0

    def counters(self) -> dict[str, object]:
        """Return what the COUNTERS frame holds."""
        found: dict[str, object] = {
            "requests": self.sink.taken + len(self.sink.rows),
            "queries": self.counts.queries,
            "spans_dropped": self.counts.spans_dropped,
            "sensors": {name: switch.as_dict() for name, switch in self.switches.items()},
        }
        if self.stacks is not None:
            found["stacks"] = self.stacks.facts()
        if self.statements.unsaved:
            found["parameters_unsaved"] = self.statements.unsaved
        if self.sink.dropped_frames:
            found["frames_dropped"] = self.sink.dropped_frames
            found["sink_error"] = self.sink.last_error
        return found

    def _opening(self) -> bytes:
        clock = {"monotonic_ns": time.monotonic_ns(), "unix_ns": time.time_ns()}
        return wire.json_frame(wire.FrameKind.CLOCK, clock) + self.names.frames()

    def _closing(self, has_frames: bool) -> bytes:  # noqa: FBT001 - one caller, by position
        extra = self._background_frame() + self._stacks_frame()
        if not has_frames and not extra:
            return b""
        return extra + wire.json_frame(wire.FrameKind.COUNTERS, self.counters())

    def _background_frame(self) -> bytes:
        work = self.background
        taken = [work.spans.popleft() for _ in range(len(work.spans))]  # type: ignore[union-attr]
        if not taken:
            return b""
        times = [wire.SPAN.unpack(span)[6:8] for span in taken]
        begin = min(start for start, _ in times)
        wall = max(start + wall for start, wall in times) - begin
        route = self.names.id("route", "(background)")
        dropped, work.dropped = work.dropped, 0
        flags = int(RequestFlag.BACKGROUND) | (int(RequestFlag.TRUNCATED) if dropped else 0)
        head = (begin, wall, 0, 0, 0, 0, 0, route, 0, 0, dropped, len(taken), 0, flags)
        return wire.frame(wire.FrameKind.REQUEST, wire.REQUEST_HEAD.pack(*head) + b"".join(taken))

    def _stacks_frame(self) -> bytes:
        now = time.monotonic_ns()
        if self.stacks is None or (now < self._stacks_due_ns and not self.sink.is_closing):
            return b""
        self._stacks_due_ns = now + _STACKS_EVERY_NS
        taken = self.stacks.take()
        return wire.json_frame(wire.FrameKind.STACKS, {"stacks": taken}) if taken else b""
