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
        use_s: Time that connections were checked out, seconds.
        waiting_count: Requests that waited more than 1 ms.
    """

    wait_s: float
    use_s: float
    waiting_count: int


@artifact("pool-timeline")
def pool_timeline(view: View) -> Mapping[str, PoolUse]:
    """Return the pool's use by route."""
    return {route: _use(rows) for route, rows in view[steady_state].by_route.items()}


def _use(rows: tuple[RequestRow, ...]) -> PoolUse:
    wait = use = waiting = 0
    for row in rows:
        own_wait = opened_ns = 0
        for span in row.spans:
            if span.kind is SpanKind.POOL_WAIT:
                # it ends after what happened within it
                own_wait += span.wall_ns if opened_ns < span.start_ns else 0
            elif span.kind is SpanKind.CONNECT:
                opened_ns = span.start_ns
            elif span.kind is SpanKind.CONNECTION:
                use += span.wall_ns
        wait += own_wait
        waiting += own_wait > 1_000_000
    return PoolUse(wait / 1e9, use / 1e9, waiting)
