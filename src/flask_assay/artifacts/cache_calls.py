"""cache-calls: round trips to Redis or Valkey, request by request."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestRow, SpanFlag, SpanKind

__all__ = ["CacheCalls", "cache_calls"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_HIT = int(SpanFlag.HIT)
_MISS = int(SpanFlag.MISS)
_PIPELINE = int(SpanFlag.PIPELINE)


@dataclass(slots=True)
class CacheCalls:
    """One route's round trips in the steady state.

    Attributes:
        trip_count: Round trips; a pipeline is one.
        wall_ns: Their wall time.
        hit_count: Reads that found something.
        hit_request_count: Requests with at least one hit and no miss.
        singles_by_command: Single trips per request of each command, one figure a request.
        single_wall_ns: Wall time of single trips by command.
        sites_by_command: Call sites of single trips by command.
    """

    trip_count: int = 0
    wall_ns: int = 0
    hit_count: int = 0
    hit_request_count: int = 0
    singles_by_command: dict[str, list[int]] = field(default_factory=dict)
    single_wall_ns: Counter[str] = field(default_factory=Counter)
    sites_by_command: dict[str, Counter[str]] = field(default_factory=dict)


@artifact("cache-calls")
def cache_calls(view: View) -> Mapping[str, CacheCalls]:
    """Return round trips by route, for routes that made any."""
    found: dict[str, CacheCalls] = {}
    for route, rows in view[steady_state].by_route.items():
        calls = CacheCalls()
        for row in rows:
            _add(calls, row)
        if calls.trip_count:
            found[route] = calls
    return found


def _add(calls: CacheCalls, row: RequestRow) -> None:
    singles: Counter[str] = Counter()
    hits = misses = 0
    for span in row.spans:
        if span.kind is not SpanKind.CACHE:
            continue
        calls.trip_count += 1
        calls.wall_ns += span.wall_ns
        hits += bool(span.flags & _HIT)
        misses += bool(span.flags & _MISS)
        if not span.flags & _PIPELINE:
            command = span.name.split(" ")[0].upper()
            singles[command] += 1
            calls.single_wall_ns[command] += span.wall_ns
            calls.sites_by_command.setdefault(command, Counter())[span.site] += 1
    calls.hit_count += hits
    calls.hit_request_count += hits > 0 and not misses
    for command, count in singles.items():
        calls.singles_by_command.setdefault(command, []).append(count)
