"""Calls and exchanges: what the user asked for, and what went over the wire for it.

A call is one request of a virtual user; redirects and reconnects make it several
exchanges. Every exchange gets an id of its own, and every call becomes exactly one row,
however it ends: answered, failed, broken off, or never looked at.
"""

from collections.abc import Callable
from contextvars import ContextVar
from dataclasses import dataclass, field

from flask_assay.load.transcript import Heard
from flask_assay.model.clock import Clock
from flask_assay.model.rows import ClientFlag, ClientRow, Phase

__all__ = ["BODY_LIMIT", "Call", "CallBook", "Sent"]

HOP_BITS = 8
NUMBER_BITS = 32
ABANDONED_NS = 120_000_000_000
BODY_LIMIT = 65_536  # longer bodies are cut, and not kept as samples


@dataclass(frozen=True, slots=True)
class Sent:
    """The first exchange of a call, as it went out, and what its answer handed out."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    heard: Heard | None = None


@dataclass(slots=True, eq=False)
class Call:
    """One request of a virtual user, from asking to being reported."""

    name: str
    number: int
    user: int
    due_ns: int
    asked_ns: int
    phase: Phase
    sent_ns: int = 0
    done_ns: int = 0
    hop_count: int = 0
    exchange_count: int = 0
    response_count: int = 0
    status: int = 0
    body_bytes: int = 0
    redirected: bool = False
    reported: bool = False
    sent: Sent | None = field(default=None, repr=False)


class CallBook:
    """Opens calls, numbers exchanges, and sees to it that each call is reported once.

    Args:
        report: Takes the finished row and what was sent.
        clock: Where stamps come from.
        pid: Makes ids unique among load workers.
    """

    def __init__(
        self, report: Callable[[ClientRow, Sent | None], None], *, clock: Clock, pid: int
    ) -> None:
        self._report = report
        self._clock = clock
        self._base = pid << (NUMBER_BITS + HOP_BITS)
        self._number = 0
        self._open: set[Call] = set()
        self.current: ContextVar[Call | None] = ContextVar("call", default=None)
        self.phase = Phase.SETUP
        self.exchange_count = 0
        self.reconnect_count = 0
        self.unanswered_count = 0

    def open(self, name: str, *, user: int = 0, due_ns: int = 0) -> Call:
        """Begin a call; it stays open until it is reported."""
        self._number += 1
        now = self._clock.monotonic_ns()
        call = Call(name, self._number, user, due_ns, now, self.phase)
        self._open.add(call)
        return call

    def exchange(self, call: Call) -> int:
        """Begin an exchange of a call and return its id, which is never 0."""
        if not call.sent_ns:
            call.sent_ns = self._clock.monotonic_ns()
        call.hop_count += 1
        call.exchange_count += 1
        self.exchange_count += 1
        return self._id(call)

    def not_sent(self, call: Call) -> None:
        """Take back the last exchange: no connection was made, nothing went out."""
        call.exchange_count -= 1
        self.exchange_count -= 1

    def responded(self, call: Call) -> None:
        """Note that the last exchange got a response, so the server saw it."""
        call.response_count += 1

    def reconnected(self) -> None:
        """Note that an exchange is repeated on a new connection."""
        self.reconnect_count += 1

    def answered(self, call: Call, status: int, body_bytes: int = 0) -> None:
        """Note the answer that the user was given."""
        call.status, call.body_bytes = status, body_bytes
        call.done_ns = self._clock.monotonic_ns()

    def close(self, call: Call, *, error: str = "", wall_ns: int | None = None) -> None:
        """Report a call; closing it again does nothing.

        Args:
            call: What ends.
            error: Why it failed; empty if it did not.
            wall_ns: Duration since it was asked for, if better known than by the stamps.
        """
        if call.reported:
            return
        call.reported = True
        self._open.discard(call)
        start = call.sent_ns or call.asked_ns
        done = call.done_ns or self._clock.monotonic_ns()
        if wall_ns is not None:
            done = call.asked_ns + wall_ns
        self.unanswered_count += call.exchange_count - call.response_count
        row = ClientRow(
            start_ns=start,
            due_ns=call.due_ns or start,
            wall_ns=max(0, done - start),
            request_id=self._id(call) if call.exchange_count else 0,
            name=call.name,
            status=call.status,
            flags=_flags(call, error),
            phase=call.phase,
            user=call.user,
            body_bytes=call.body_bytes,
            exchange_count=call.exchange_count,
            error=error,
        )
        self._report(row, call.sent)

    def close_abandoned(self, *, older_than_ns: int = ABANDONED_NS) -> None:
        """Report the calls whose answer came and that nobody ever asked about."""
        limit = self._clock.monotonic_ns() - older_than_ns
        for call in [call for call in self._open if call.done_ns and call.done_ns <= limit]:
            self.close(call, error=_status_error(call.status))

    def close_all(self) -> None:
        """Report whatever is still open, at the end of the run."""
        self.close_abandoned(older_than_ns=0)
        for call in list(self._open):
            self.close(call, error="broken off at the end of the run")

    def _id(self, call: Call) -> int:
        return self._base | call.number << HOP_BITS | min(call.hop_count, 255)


def _flags(call: Call, error: str) -> int:
    flags = ClientFlag(0)
    if error:
        flags |= ClientFlag.FAILED
    if not call.status:
        flags |= ClientFlag.NO_RESPONSE
    if call.redirected:
        flags |= ClientFlag.REDIRECTED
    return int(flags)


def _status_error(status: int) -> str:
    return f"HTTP {status}" if status >= 400 else ""
