"""Work: one request under way, or all that a process does outside of requests.

A context variable says which work the running code belongs to. It is right under threads and
under gevent alike, whatever was patched first: a thread and a greenlet each have a context.
"""

from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any

__all__ = [
    "CURRENT",
    "MAX_BACKGROUND_SPANS",
    "MAX_SPANS",
    "NO_ENVIRON",
    "Body",
    "Request",
    "Work",
]

MAX_SPANS = 4_000  # of one request; 45 bytes each
MAX_BACKGROUND_SPANS = 20_000  # between two writes
NO_ENVIRON: Mapping[str, Any] = MappingProxyType({})


class Work:
    """Where spans go while something is under way.

    Attributes:
        is_open: False once it ended; code that still runs in its context is background.
        spans: Packed spans in order of their end.
        cap: More spans than this are counted, not kept.
        dropped: Their number.
        endpoint: The Flask endpoint, "" before a view was reached.
        flags: ``RequestFlag`` bits known so far.
        is_answered: Whether all of a response is there, and the server has only to close it.
        detail: Name id that the next SELECT carries, 0 if none.
        held: Driver connections that are checked out for it, None before the first.
        outer: The work that goes on when this one is done.
        environ: Of WSGI, empty outside of requests and after their end.
    """

    __slots__ = (
        "detail", "dropped", "endpoint", "environ", "flags", "held", "is_open", "outer",
        "spans",
    )  # fmt: skip

    cap = MAX_SPANS
    is_answered = False

    def __init__(self) -> None:
        self.is_open = True
        self.spans: list[bytes | bytearray] | deque[bytes | bytearray] = []
        self.dropped = self.flags = self.detail = 0
        self.endpoint = ""
        self.held: list[Any] | None = None
        self.outer: Work | None = None
        self.environ: Mapping[str, Any] = NO_ENVIRON

    def hold(self, connection: Any) -> None:
        """Note a driver connection that is checked out."""
        if self.held is None:
            self.held = [connection]
        else:
            self.held.append(connection)

    def note_rule(self) -> None:
        """Keep what was matched, if this is a request."""

    def end(self, flags: int = 0) -> None:
        """End it.

        Args:
            flags: ``RequestFlag`` bits to be added.
        """
        self.flags |= flags
        self.is_open = False
        self.environ = NO_ENVIRON


class Request(Work):
    """A request; the sensor derives a class of its own, which says how it ends.

    Args:
        environ: Of WSGI.
        send: The server's ``start_response``.

    Attributes:
        rule: Werkzeug's URL rule, None if none matched.
        status: The status line, "" before there is one.
        headers: Of the response.
        body: What the app returned.
        body_bytes: Its size, -1 while only the headers may give it.
        digest: Hash object that the body passes through, None if it does not.
        start_ns: Monotonic.
        cpu_ns: CPU time of the thread at the start, 0 if it was not read.
        thread: The thread that began it, if that was read.
    """

    __slots__ = (
        "body", "body_bytes", "cpu_ns", "digest", "headers", "is_answered", "rule", "send",
        "start_ns", "status", "thread",
    )  # fmt: skip

    body: Any
    digest: Any
    rule: Any
    start_ns: int
    thread: int

    def __init__(self, environ: Mapping[str, Any], send: Callable[..., Any]) -> None:
        # Written out instead of super().__init__(): it is on the path of every request.
        self.environ = environ
        self.send = send
        self.is_open = True
        self.spans = []
        self.is_answered = False
        self.endpoint = self.status = ""
        self.dropped = self.flags = self.detail = self.cpu_ns = 0
        self.body_bytes = -1
        self.headers: Sequence[tuple[str, str]] = ()
        self.outer = self.held = self.rule = self.digest = None

    def start_response(
        self, status: str, headers: list[tuple[str, str]], exc_info: Any = None
    ) -> Any:
        """Stand in for the server's ``start_response``: note what passes, and pass it on."""
        self.status = status
        self.headers = headers
        request = self.environ.get("werkzeug.request")
        if request is not None:
            self.rule = getattr(request, "url_rule", None)
        if exc_info is None:
            return self.send(status, headers)
        return self.send(status, headers, exc_info)

    def note_rule(self) -> None:
        """Keep the URL rule that was matched: Flask forgets the request before it is closed."""
        self.rule = getattr(self.environ.get("werkzeug.request"), "url_rule", None)

    def body_digest(self) -> int:
        """Return the hash of the body, 0 if none was taken."""
        if self.digest is None:
            return 0
        return int.from_bytes(self.digest.digest(), "little") or 1


class Body:
    """The body that the server gets instead of the app's own: it says when it was closed.

    An object of its own, so that it ends the request even if it is dropped without ``close()``,
    as test clients do; the request itself is still held by the context.
    """

    __slots__ = ("_request",)

    def __init__(self, request: Request) -> None:
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        request = self._request
        if request.digest is None and _tells_length(request.headers):
            return iter(request.body)
        request.body_bytes = 0
        return _count(request)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._request.body, name)  # whatever else a server asks of a body

    def close(self) -> None:
        """Close the body as the server asks, then end the request."""
        request = self._request
        try:
            close = getattr(request.body, "close", None)
            if close is not None:
                close()
        finally:
            request.end()

    def __del__(self) -> None:
        if self._request.is_open:
            self._request.end()


def _tells_length(headers: Any) -> bool:
    try:
        return any(name.lower() == "content-length" for name, _ in headers)
    except Exception:  # headers that are none: the server's to complain of
        return False


def _count(request: Request) -> Iterator[bytes]:
    digest = request.digest
    for chunk in request.body:
        if isinstance(chunk, bytes):  # the server will complain of anything else
            request.body_bytes += len(chunk)
            if digest is not None:
                digest.update(chunk)
        yield chunk


CURRENT: ContextVar[Work | None] = ContextVar("flask_assay_work", default=None)


class Background(Work):
    """What happens outside of requests."""

    __slots__ = ()
    cap = MAX_BACKGROUND_SPANS

    def __init__(self) -> None:
        super().__init__()
        self.spans = deque()
