"""Work: one request under way, or all that a process does outside of requests.

A context variable says which work the running code belongs to. It is right under threads and
under gevent alike, whatever was patched first: a thread and a greenlet each have a context.
"""

from collections import deque
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any

__all__ = ["CURRENT", "MAX_BACKGROUND_SPANS", "MAX_SPANS", "Work"]

MAX_SPANS = 4_000  # of one request; 45 bytes each
MAX_BACKGROUND_SPANS = 20_000  # between two writes

NO_ENVIRON: Mapping[str, Any] = {}


class Work:
    """Where spans go while something is under way.

    Attributes:
        is_open: False once it was written; code that still runs in its context is background.
        spans: Packed spans in order of their end.
        cap: More spans than this are counted, not kept.
        rule: Werkzeug's URL rule, None if none matched.
        endpoint: The Flask endpoint, "" before a view was reached.
        detail: Name id that the next SELECT carries, 0 if none.
        held: Driver connections that are checked out for it.
    """

    __slots__ = (
        "body_bytes", "body_digest", "cap", "cpu_ns", "detail", "dropped", "endpoint", "environ",
        "flags", "has_view", "headers", "held", "is_open", "outer", "rule", "send", "spans",
        "start_ns", "status", "thread",
    )  # fmt: skip

    def __init__(self, environ: Mapping[str, Any], send: Callable[..., Any] | None = None) -> None:
        self.is_open = True
        self.environ = environ
        self.send = send
        self.spans: list[bytes | bytearray] | deque[bytes | bytearray] = []
        self.cap = MAX_SPANS
        self.dropped = 0
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.rule: Any = None
        self.endpoint = ""
        self.has_view = False
        self.flags = 0
        self.detail = 0
        self.held: list[Any] = []
        self.body_bytes = -1
        self.body_digest = 0
        self.outer: Work | None = None
        self.start_ns = self.cpu_ns = self.thread = 0

    def start_response(self, status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        """Stand in for the server's ``start_response``: note what passes, and pass it on."""
        self.status = status
        self.headers = headers
        self.note_rule()
        assert self.send is not None
        return self.send(status, headers, *more)

    def note_rule(self) -> None:
        """Keep the URL rule that was matched: Flask forgets the request before it is closed."""
        self.rule = getattr(self.environ.get("werkzeug.request"), "url_rule", None)


CURRENT: ContextVar[Work | None] = ContextVar("flask_assay_work", default=None)


def background() -> Work:
    """Return the container of what happens outside of requests."""
    work = Work(NO_ENVIRON)
    work.spans = deque()
    work.cap = MAX_BACKGROUND_SPANS
    return work
