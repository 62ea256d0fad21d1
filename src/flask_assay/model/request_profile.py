"""What profiling one request gives."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.model.document import Profile

__all__ = ["FunctionTime", "RequestProfile"]


@dataclass(frozen=True, slots=True)
class FunctionTime:
    """One function, traced; per request.

    Attributes:
        name: Of the function.
        place: "file:line" where it begins; "package" for libraries; "" for functions in C.
        call_count: Calls per request.
        own_s: Seconds in the function itself.
        total_s: Seconds with all that it called.
    """

    name: str
    place: str
    call_count: float
    own_s: float
    total_s: float


@dataclass(frozen=True, slots=True)
class RequestProfile:
    """One request, sent several times to the app in a process of its own.

    Attributes:
        method: HTTP method.
        path: With its query string.
        route: "GET /orders/<int:id>".
        statuses: How often each status was answered.
        body_bytes: Of the last response.
        statement_count: SQL statements of one request.
        durations_s: Of each request that was sampled, in order.
        cpu_s: Mean CPU of these.
        traced_s: Mean duration under the tracer: how much it slows the request.
        functions: Traced functions, most own time first.
        profile: Sampled stacks, in seconds of wall time; waits are in it.
    """

    method: str
    path: str
    route: str
    statuses: Mapping[str, int]
    body_bytes: int
    statement_count: int
    durations_s: tuple[float, ...]
    cpu_s: float
    traced_s: float
    functions: tuple[FunctionTime, ...]
    profile: Profile
