"""counted-requests: the requests whose statements are counted, for rare routes earlier ones too.

What a route asks the database for is the same in its first request as in its thousandth; times
are not. A route of which a whole run sees three requests is counted over all three. Where a memo
answers all but the first, that is the one to count.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields

from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestFlag, RequestRow, SpanKind

__all__ = ["ENOUGH", "CountedRequests", "counted_requests"]

ENOUGH = 5  # requests of a route that were served: what came before adds nothing to more
_BACKGROUND = int(RequestFlag.BACKGROUND)
_REFUSALS = (401, 403)
_SAFE = ("GET ", "HEAD ")


@dataclass(frozen=True, slots=True)
class CountedRequests(SteadyState):
    """The steady state, and for rare routes what was seen of them before.

    Attributes:
        served_counts: By route, requests without those that were turned away to a sign-in, if
            others were served.
        earlier_counts: By rare route, how many of its requests were sent before the steady state.
    """

    served_counts: Mapping[str, int]
    earlier_counts: Mapping[str, int]


@artifact("counted-requests")
def counted_requests(view: View) -> CountedRequests:
    """Give rare routes the latest requests before the steady state that were served.

    Raises:
        UnavailableError: If the probe recorded no request in the steady state.
    """
    steady = view[steady_state]
    earlier = {} if steady.is_whole_run else _earlier(view, steady)
    by_route = dict(steady.by_route)
    served: dict[str, int] = {}
    added: dict[str, int] = {}
    for route in dict.fromkeys((*steady.by_route, *earlier)):
        rows, before = steady.by_route.get(route, ()), earlier.get(route, ())
        is_served = _judge(route, (*before, *rows))
        served[route] = sum(map(is_served, rows))
        if served[route] < ENOUGH:
            more = _latest(list(filter(is_served, before)), ENOUGH - served[route])
            if more:
                by_route[route] = (*more, *rows)
                served[route] += len(more)
                added[route] = len(more)
    known = {field.name: getattr(steady, field.name) for field in fields(SteadyState)}
    known["by_route"] = by_route
    known["requests"] = tuple(row for rows in by_route.values() for row in rows)
    return CountedRequests(**known, served_counts=served, earlier_counts=added)


def _latest(rows: list[RequestRow], count: int) -> tuple[RequestRow, ...]:
    """Return the latest requests, of those that asked the database for something if some did."""
    query = SpanKind.QUERY
    asking: list[RequestRow] = []
    silent: list[RequestRow] = []
    for row in rows:
        is_asking = any(span.kind is query for span in row.spans)
        (asking if is_asking else silent).append(row)
    kept = (silent + asking)[-count:]
    return tuple(sorted(kept, key=lambda row: row.start_ns))


def _earlier(view: View, steady: SteadyState) -> dict[str, tuple[RequestRow, ...]]:
    has_load = bool(view.recording.client_requests)
    found: dict[str, list[RequestRow]] = {}
    for row in view.recording.requests:
        is_ours = not row.flags & _BACKGROUND and (row.request_id or not has_load)
        if row.start_ns < steady.start_ns and is_ours:
            found.setdefault(row.route, []).append(row)
    return {route: tuple(rows) for route, rows in found.items()}


def _judge(route: str, rows: tuple[RequestRow, ...]) -> Callable[[RequestRow], bool]:
    """Return what tells a request that the route worked for from one that it turned away."""
    if not route.startswith(_SAFE) or not any(200 <= row.status < 300 for row in rows):
        return lambda row: row.status not in _REFUSALS
    return lambda row: row.status == 304 or not (300 <= row.status < 400 or row.status in _REFUSALS)
