"""pool-timeline: how long requests wait for a connection and how long they keep it."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestRow, SpanKind

__all__ = ["PoolUse", "pool_timeline"]


@dataclass(frozen=True, slots=True)
class PoolUse:
    """One route's use of the connection pool in the steady state.

    Attributes:
        wait_s: Wait time of all requests together, seconds; without that of requests that opened a
            new connection, since the pool had room for it.
        connect_s: Time spent opening new connections, seconds.
        use_s: Time that connections were checked out, seconds.
        checkout_count: Connections handed out.
        waiting_count: Requests that waited more than 1 ms.
        connection_max: Most connections of one request at once known by number.
    """

    wait_s: float
    connect_s: float
    use_s: float
    checkout_count: int
    waiting_count: int
    connection_max: int


@artifact("pool-timeline")
def pool_timeline(view: View) -> Mapping[str, PoolUse]:
    """Return the pool's use by route."""
    return {route: _use(rows) for route, rows in view[steady_state].by_route.items()}


def _use(rows: tuple[RequestRow, ...]) -> PoolUse:
    wait = connect = use = checkouts = waiting = connections = 0
    for row in rows:
        own_wait = opened_ns = 0
        numbers = set()
        for span in row.spans:
            if span.kind is SpanKind.POOL_WAIT:
                # it ends after what happened within it
                own_wait += span.wall_ns if opened_ns < span.start_ns else 0
            elif span.kind is SpanKind.CONNECT:
                connect, opened_ns = connect + span.wall_ns, span.start_ns
            elif span.kind is SpanKind.CONNECTION:
                use += span.wall_ns
                checkouts += 1
                numbers.add(span.connection)
        wait += own_wait
        waiting += own_wait > 1_000_000
        connections = max(connections, len(numbers))
    return PoolUse(wait / 1e9, connect / 1e9, use / 1e9, checkouts, waiting, connections)
