"""route-latency: how long each route takes, by the client's and by the server's clock."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestRow

__all__ = ["RouteLatency", "route_latency"]


@dataclass(frozen=True, slots=True)
class RouteLatency:
    """Times of one route in the steady state.

    Attributes:
        route: "GET /orders".
        endpoint: Flask endpoint, empty if no view was met.
        request_count: Requests.
        error_count: Responses with status >= 500, or none.
        client_error_count: Responses with status 400..499.
        server_s: Server time of all requests together, seconds.
        share_ratio: Of all routes' server time.
        response_s: Response times in ascending order, seconds: the client's where it was
            recorded and the request was one exchange, else the server's.
        body_bytes_mean: Mean size of a response body.
    """

    route: str
    endpoint: str
    request_count: int
    error_count: int
    client_error_count: int
    server_s: float
    share_ratio: float
    response_s: tuple[float, ...]
    body_bytes_mean: float

    @property
    def mean_s(self) -> float:
        """Mean server time, seconds."""
        return self.server_s / self.request_count


@artifact("route-latency")
def route_latency(view: View) -> Mapping[str, RouteLatency]:
    """Return each route's times, largest share of server time first."""
    steady = view[steady_state]
    found = [_latency(route, rows, steady) for route, rows in steady.by_route.items()]
    return {one.route: one for one in sorted(found, key=lambda one: -one.server_s)}


def _latency(route: str, rows: tuple[RequestRow, ...], steady: SteadyState) -> RouteLatency:
    count = len(rows)
    server_ns = sum(row.wall_ns for row in rows)
    return RouteLatency(
        route=route,
        endpoint=rows[0].endpoint,
        request_count=count,
        error_count=sum(1 for row in rows if row.status >= 500 or not row.status),
        client_error_count=sum(1 for row in rows if 400 <= row.status < 500),
        server_s=server_ns / 1e9,
        share_ratio=server_ns / 1e9 / steady.server_s if steady.server_s else 0.0,
        response_s=tuple(sorted(_response_s(row, steady) for row in rows)),
        body_bytes_mean=sum(row.body_bytes for row in rows) / count,
    )


def _response_s(row: RequestRow, steady: SteadyState) -> float:
    client = steady.client_by_id.get(row.request_id) if row.request_id else None
    if client is not None and client.exchange_count == 1:
        return max(client.wall_ns, row.wall_ns) / 1e9
    return row.wall_ns / 1e9
