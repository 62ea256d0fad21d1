"""steady-state: the requests that count, joined with what the client saw of them."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.view import UnavailableError, View, artifact
from flask_assay.model.rows import ClientRow, Phase, RequestFlag, RequestRow
from flask_assay.recording.reader import Recording

__all__ = ["SteadyState", "steady_state"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_BACKGROUND = int(RequestFlag.BACKGROUND)
_IDENTITY_READ = int(RequestFlag.IDENTITY_READ)

_END_PHASES = {"drain", "end"}


@dataclass(frozen=True, slots=True)
class SteadyState:
    """Requests that started in the steady state.

    Attributes:
        start_ns: Monotonic, begin of the steady state.
        end_ns: Monotonic, its end.
        requests: As the probe saw them, by start; ours only if the load was recorded.
        by_route: The same by route, in order of first appearance.
        clients: As the load worker saw them, by start.
        client_by_id: The same by request id.
        server_s: Server time of all requests together, seconds.
        is_whole_run: Whether there were no phases, so that every request was taken.
        identity_routes: Routes of which some request of the run, warm-up included, read who
            was asking.
    """

    start_ns: int
    end_ns: int
    requests: tuple[RequestRow, ...]
    by_route: Mapping[str, tuple[RequestRow, ...]]
    clients: tuple[ClientRow, ...]
    client_by_id: Mapping[int, ClientRow]
    server_s: float
    is_whole_run: bool
    identity_routes: frozenset[str]

    @property
    def duration_s(self) -> float:
        """Length of the steady state, seconds."""
        return max(0, self.end_ns - self.start_ns) / 1e9

    def route_s(self, route: str) -> float:
        """Return the server time of one route, seconds."""
        return sum(request.wall_ns for request in self.by_route.get(route, ())) / 1e9


@artifact("steady-state")
def steady_state(view: View) -> SteadyState:
    """Cut the steady state out of the run.

    Raises:
        UnavailableError: If the probe recorded no request in it.
    """
    recording = view.recording
    start, end = _bounds(recording)
    is_whole = start is None
    clients = tuple(
        row
        for row in recording.client_requests
        if is_whole or (row.phase == Phase.STEADY and row.start_ns < (end or row.start_ns + 1))
    )
    first, last = start or 0, end or 2**63
    has_load = bool(recording.client_requests)
    requests = tuple(
        row
        for row in recording.requests
        if first <= row.start_ns < last
        and not row.flags & _BACKGROUND
        and (row.request_id or not has_load)
    )
    if not requests:
        raise UnavailableError("the probe recorded no request in the steady state")
    routes: dict[str, list[RequestRow]] = {}
    for row in requests:
        routes.setdefault(row.route, []).append(row)
    return SteadyState(
        start_ns=start or requests[0].start_ns,
        end_ns=end or max(row.start_ns + row.wall_ns for row in requests),
        requests=requests,
        by_route={route: tuple(rows) for route, rows in routes.items()},
        clients=clients,
        client_by_id={row.request_id: row for row in clients if row.request_id},
        server_s=sum(row.wall_ns for row in requests) / 1e9,
        is_whole_run=is_whole,
        identity_routes=frozenset(
            row.route for row in recording.requests if row.flags & _IDENTITY_READ
        ),
    )


def _bounds(recording: Recording) -> tuple[int | None, int | None]:
    """Return begin and end of the steady state by the phase events, else by client rows."""
    start = end = None
    for event in recording.events:
        phase, stamp = event.get("phase"), event.get("t_ns")
        if event.get("event") != "phase" or not isinstance(stamp, int):
            continue
        if phase == "steady":
            start = stamp if start is None else min(start, stamp)
        elif phase in _END_PHASES and start is not None:
            end = stamp if end is None else min(end, stamp)
    if start is None:
        stamps = [r.start_ns for r in recording.client_requests if r.phase == Phase.STEADY]
        if stamps:
            start, end = min(stamps), max(stamps) + 1
    return start, end
