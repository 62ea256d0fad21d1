"""request-trace: what was asked when and what it was answered, to try caches on."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestFlag, RequestRow

__all__ = ["CachePrediction", "RouteTrace", "TraceEntry", "replay", "request_trace", "unchanged"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_NO_STORE = int(RequestFlag.NO_STORE)
_SETS_COOKIE = int(RequestFlag.SETS_COOKIE)


class TraceEntry(NamedTuple):
    """One answer that a cache could have kept."""

    at_s: float
    key: tuple[int, int]
    body_digest: int
    wall_s: float


@dataclass(frozen=True, slots=True)
class CachePrediction:
    """What a cache of one lifetime would have done with a trace.

    Attributes:
        ttl_s: Lifetime of an entry, seconds.
        request_count: Requests.
        hit_count: Answered from the cache.
        stale_count: Of those, answered with a body that the app would no longer give.
        saved_s: Server time of the hits, seconds; a hit's own cost is not subtracted.
    """

    ttl_s: float
    request_count: int
    hit_count: int
    stale_count: int
    saved_s: float

    @property
    def hit_ratio(self) -> float:
        """Hits among requests."""
        return self.hit_count / self.request_count if self.request_count else 0.0

    @property
    def stale_ratio(self) -> float:
        """Stale ones among hits."""
        return self.stale_count / self.hit_count if self.hit_count else 0.0


@dataclass(frozen=True, slots=True)
class RouteTrace:
    """A route's answers in order.

    Attributes:
        entries: In order of time.
        is_per_identity: Whether some request read who is asking, so that keys must hold it.
        refused: Why the route must not be cached; empty if it may.
    """

    entries: tuple[TraceEntry, ...]
    is_per_identity: bool
    refused: str


@artifact("request-trace")
def request_trace(view: View) -> Mapping[str, RouteTrace]:
    """Return traces of GET routes."""
    steady = view[steady_state]
    return {
        route: _trace(rows, is_per_identity=route in steady.identity_routes)
        for route, rows in steady.by_route.items()
        if route.startswith("GET ")
    }


def replay(trace: RouteTrace, ttl_s: float) -> CachePrediction:
    """Return what a cache would have done: an entry lives from its miss until its TTL.

    A hit is stale if the body that the app gave at that moment differs from the kept one. The
    app's answer is known, since every request of the trace was really answered.
    """
    kept: dict[tuple[int, int], tuple[float, int]] = {}
    hits = stale = 0
    saved = 0.0
    for entry in trace.entries:
        found = kept.get(entry.key)
        if found is None or entry.at_s - found[0] >= ttl_s:
            kept[entry.key] = (entry.at_s, entry.body_digest)
            continue
        hits += 1
        saved += entry.wall_s
        stale += found[1] != entry.body_digest
    return CachePrediction(ttl_s, len(trace.entries), hits, stale, saved)


def unchanged(trace: RouteTrace) -> CachePrediction:
    """Return what a cache would have done that forgets an entry whenever its body changes.

    It is the most that invalidating on write can reach, and never stale.
    """
    kept: dict[tuple[int, int], int] = {}
    hits, saved = 0, 0.0
    for entry in trace.entries:
        if kept.get(entry.key) == entry.body_digest:
            hits += 1
            saved += entry.wall_s
        kept[entry.key] = entry.body_digest
    return CachePrediction(math.inf, len(trace.entries), hits, 0, saved)


def _trace(rows: Sequence[RequestRow], *, is_per_identity: bool) -> RouteTrace:
    entries: list[TraceEntry] = []
    for row in rows:
        if row.status != 200 or not row.body_digest:
            continue
        identity = row.identity_digest if is_per_identity else 0
        at_s = row.start_ns / 1e9
        key = (row.query_digest, identity)
        entries.append(TraceEntry(at_s, key, row.body_digest, row.wall_ns / 1e9))
    return RouteTrace(tuple(entries), is_per_identity, _refusal(rows, entries))


def _refusal(rows: Sequence[RequestRow], entries: Sequence[TraceEntry]) -> str:
    if not entries:
        return "no body was hashed"
    if any(row.flags & _SETS_COOKIE for row in rows):
        return "it sets a cookie"
    if any(row.flags & _NO_STORE for row in rows):
        return "it forbids storing (Cache-Control)"
    if any(not row.query_digest for row in rows):
        return "what was asked for is unknown"
    return ""
