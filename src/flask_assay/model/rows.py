"""The rows of a recording, decoded. Names are resolved; times are nanoseconds."""

from enum import IntEnum, IntFlag
from typing import NamedTuple

__all__ = [
    "EXPIRED",
    "NO_USER_FRAME",
    "ClientFlag",
    "ClientRow",
    "Phase",
    "RequestFlag",
    "RequestRow",
    "Span",
    "SpanFlag",
    "SpanKind",
]


NO_USER_FRAME = "-"  # as a site: the stack was looked at and held no frame of the user's code


EXPIRED = " (expired)"  # ends the detail of a query that only refreshes an expired object


class Phase(IntEnum):
    """Phases of a run, in order."""

    SETUP = 0
    WARM_UP = 1
    STEADY = 2
    DRAIN = 3


class SpanKind(IntEnum):
    """What a span of a request was doing."""

    QUERY = 1
    BEGIN = 2
    COMMIT = 3
    ROLLBACK = 4
    SAVEPOINT = 5
    POOL_WAIT = 6  # asking the pool for a connection, until it was given
    CONNECTION = 7  # checked out until checked in
    CONNECT = 8  # opening a new driver connection
    CACHE = 9  # one round trip to Redis or Valkey
    HTTP = 10  # one outbound HTTP exchange
    TEMPLATE = 11  # one template rendering
    COMPILE = 12  # one template compilation
    MAIL = 13  # one SMTP session
    EXCEPTION = 14  # left a view or a hook; its site is where the user's code raised it


class SpanFlag(IntFlag):
    """Facts about a span."""

    ERROR = 1
    EXECUTEMANY = 2
    IN_TRANSACTION = 4
    NO_TIMEOUT = 8  # the socket had no effective timeout
    HIT = 16  # a cache read that found something
    MISS = 32  # a cache read that found nothing
    PIPELINE = 64


class RequestFlag(IntFlag):
    """Facts about a request."""

    BACKGROUND = 1  # work outside any request; the row is a container of spans
    NO_VIEW = 2  # answered before a view was reached; not seen without call sites
    EXCEPTION = 4  # an exception left the view
    STREAMED = 8
    IDENTITY_READ = 16  # session, cookies, Authorization or current user was read
    NO_STORE = 32  # Cache-Control says no-store or private
    SETS_COOKIE = 64
    HAS_VALIDATOR = 128  # ETag or Last-Modified
    HAS_MAX_AGE = 256
    TRUNCATED = 512  # spans were dropped


class ClientFlag(IntFlag):
    """Facts about a request as the client saw it."""

    FAILED = 1
    NO_RESPONSE = 2
    REDIRECTED = 4
    CENSORED = 8  # due but never started


class Span(NamedTuple):
    """One thing that happened inside a request.

    Attributes:
        kind: What it was.
        flags: ``SpanFlag`` bits.
        connection: Number of the pooled connection within its process, 0 if none.
        name: Statement shape, host and method, template, command; "" if none.
        site: "file:line function" of the user's code, `NO_USER_FRAME` if the stack held none,
            "" if it was not looked at.
        detail: Relationship ("Order.items"), class of a refreshed object ("Order (expired)"),
            target URL path shape …; "" if none.
        start_ns: Monotonic.
        wall_ns: Duration.
        rows: Rows fetched or affected, replies, or executions of an executemany; -1 unknown.
        digest: Salted hash of the parameters, or of the URL of a call; 0 unknown. Comparable within
            one process only.
    """

    kind: SpanKind
    flags: int
    connection: int
    name: str
    site: str
    detail: str
    start_ns: int
    wall_ns: int
    rows: int
    digest: int


class RequestRow(NamedTuple):
    """One request as the probe saw it.

    Attributes:
        pid: Process that served it.
        start_ns: Monotonic, entry into the WSGI app.
        wall_ns: Until the response iterable was closed.
        cpu_ns: CPU of the serving thread, 0 if it was not read.
        request_id: Sent by our load, 0 if the request was not ours.
        route: "GET /orders/<int:id>"; "GET (no route)" for a 404; "(background)".
        endpoint: Flask endpoint, "" if none.
        status: HTTP status, 0 if none was sent.
        flags: ``RequestFlag`` bits.
        body_bytes: Bytes of the response body.
        body_digest: 64-bit hash of the body, 0 if not taken. Comparable across processes.
        query_digest: 64-bit hash of path and query string, 0 if not taken.
        identity_digest: 64-bit hash of the credentials sent, 0 if none or not taken.
        spans: In order of their end.
        dropped_count: Spans over the cap.
    """

    pid: int
    start_ns: int
    wall_ns: int
    cpu_ns: int
    request_id: int
    route: str
    endpoint: str
    status: int
    flags: int
    body_bytes: int
    body_digest: int
    query_digest: int
    identity_digest: int
    spans: tuple[Span, ...]
    dropped_count: int


class ClientRow(NamedTuple):
    """One request as the load worker saw it.

    Attributes:
        start_ns: Monotonic, when it was sent.
        due_ns: When it should have started (open model); equals start_ns in a closed run.
        wall_ns: From sent to last byte, redirects included.
        request_id: The id of the last exchange, matches ``RequestRow.request_id``.
        name: Locust's name for it.
        status: HTTP status, 0 if no response.
        flags: ``ClientFlag`` bits.
        phase: Phase in which it started.
        user: Number of the virtual user.
        body_bytes: Bytes received.
        exchange_count: HTTP exchanges on the wire: 1 plus redirects.
        error: Class of the error and its short message, "" if none.
    """

    start_ns: int
    due_ns: int
    wall_ns: int
    request_id: int
    name: str
    status: int
    flags: int
    phase: Phase
    user: int
    body_bytes: int
    exchange_count: int
    error: str
