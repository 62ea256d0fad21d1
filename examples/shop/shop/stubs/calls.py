"""Scripted answers, and what the clients asked so far."""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from shop.stubs import fakes

MAX_CALLS = 10_000  # the oldest are forgotten, so a long load run needs no more memory


@dataclass(frozen=True)
class Call:
    """What a client asked."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    client_port: int  # calls on one connection share it


@dataclass
class Reply:
    """A scripted answer; it counts for `times` calls, for all if None."""

    method: str
    path_part: str
    status: int | None = None  # None: the normal answer, only later
    body: Mapping | str | None = None
    delay_s: float = 0.0
    times: int | None = None

    def matches(self, call: Call) -> bool:
        return self.method == call.method and self.path_part in call.path and self.times != 0


@dataclass
class Script:
    """The scripted answers and the calls so far, shared by all threads."""

    replies: list[Reply] = field(default_factory=list)
    calls: deque[Call] = field(default_factory=lambda: deque(maxlen=MAX_CALLS))
    mails: deque[str] = field(default_factory=lambda: deque(maxlen=MAX_CALLS))
    files: fakes.Files = field(default_factory=fakes.Files)
    stopping: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def next_reply(self, call: Call) -> Reply | None:
        """Note the call; return what was scripted for it, the latest script first."""
        with self.lock:
            self.calls.append(call)
            for reply in reversed(self.replies):
                if reply.matches(call):
                    if reply.times is not None:
                        reply.times -= 1
                    return reply
        return None

    def clear(self) -> None:
        with self.lock:
            self.replies.clear()
            self.calls.clear()
            self.mails.clear()
            self.files.clear()
