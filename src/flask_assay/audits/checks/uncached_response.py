"""uncached-response: the same answer is computed again and again.

## What it detects
GET routes of which at least `REPEAT_RATIO` of the answers are the same as the one before, where a
cache in front of the view would give back at least `SAVED_NOTE_RATIO` of all server time.

## Why it matters
The fastest request is the one that is not computed. What is saved is not only this route's time
but every other route's queueing behind it.

## How it is detected
The recorded trace is replayed against a cache: path and query are the key, with the identity in
it whenever the code read who is asking; bodies are compared by hash, so a stale hit is known. A
lifetime of `TTLS_S` is proposed if it answers `HIT_RATIO` of the requests with at most
`STALE_RATIO` stale ones; where none does, the advice is to invalidate on write.

## Known problems
Traffic of a load test repeats itself as its author wrote it: hit ratios are those of this load.
Routes that set cookies, forbid storing or write to the database are left alone.

## How to fix
Cache the view for the given lifetime, or send `Cache-Control: max-age` and let a proxy do it. If
the answer must never be stale, invalidate on write.

## References
RFC 9111, "HTTP Caching".
"""

import math
from collections.abc import Sequence

from flask_assay.artifacts.cache_calls import CacheCalls, cache_calls
from flask_assay.artifacts.request_trace import (
    CachePrediction,
    RouteTrace,
    replay,
    request_trace,
    unchanged,
)
from flask_assay.artifacts.settings import view_places
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.transaction_timeline import transaction_timeline
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, NotApplicableError
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity
from flask_assay.model.rows import RequestFlag, RequestRow

TTLS_S = (1.0, 5.0, 15.0, 60.0)
REPEAT_RATIO = 0.5  # of the answers are the same as the one before to the same question
HIT_RATIO = 0.3  # of the requests, for a lifetime to be proposed
STALE_RATIO = 0.05  # of the hits, for a lifetime to be proposed
SAVED_RATIO = 0.02  # of all server time: warning
SAVED_NOTE_RATIO = 0.01  # of all server time: note
MEAN_S_MIN = 0.005  # a hit costs about a millisecond by itself
HIT_COST_S = 0.001
REQUESTS_MIN = 12
ALREADY_CACHED_RATIO = 0.3  # of the requests were answered with the help of a cache

META = Meta(
    audit_id="uncached-response",
    title="Answers that repeat are cached",
    failure_title="The same answer is computed again and again",
    needs=(steady_state, request_trace, cache_calls, transaction_timeline, view_places),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    traces, steady, calls = given[request_trace], given[steady_state], given[cache_calls]
    if not any(trace.entries for trace in traces.values()):
        raise NotApplicableError("no response body of a GET request was hashed")
    found: list[Finding] = []
    for route, trace in traces.items():
        rows = steady.by_route[route]
        if trace.refused or len(trace.entries) < REQUESTS_MIN or _is_cached(rows, calls.get(route)):
            continue
        writes = given[transaction_timeline].get(route)
        if writes is not None and writes.committed_write_count:
            continue
        if steady.route_s(route) / len(rows) >= MEAN_S_MIN:
            found += _findings(route, trace, steady, given)
    return found


def _is_cached(rows: Sequence[RequestRow], calls: CacheCalls | None) -> bool:
    """Return whether a cache answers already, the app's or one in front of it."""
    if any(row.flags & RequestFlag.HAS_MAX_AGE for row in rows):
        return True
    return calls is not None and calls.hit_request_count > ALREADY_CACHED_RATIO * len(rows)


def _findings(
    route: str, trace: RouteTrace, steady: SteadyState, given: Given
) -> Sequence[Finding]:
    ideal = unchanged(trace)
    ratio = _saved(ideal) / steady.server_s if steady.server_s else 0.0
    if ideal.hit_ratio < REPEAT_RATIO or ratio < SAVED_NOTE_RATIO:
        return ()
    predictions = [replay(trace, ttl_s) for ttl_s in TTLS_S]
    good = [
        one
        for one in predictions
        if one.hit_ratio >= HIT_RATIO and one.stale_ratio <= STALE_RATIO and _is_within(one, steady)
    ]
    best = max(good, key=lambda one: (round(_saved(one), 6), -one.ttl_s), default=ideal)
    return (_finding(route, trace, predictions, best, (ratio, steady, given)),)


def _saved(one: CachePrediction) -> float:
    return max(0.0, one.saved_s - HIT_COST_S * one.hit_count)


def _is_within(one: CachePrediction, steady: SteadyState) -> bool:
    """Return whether the run was long enough to see entries of this lifetime expire."""
    return one.ttl_s <= max(TTLS_S[0], steady.duration_s)


def _finding(
    route: str,
    trace: RouteTrace,
    predictions: Sequence[CachePrediction],
    best: CachePrediction,
    around: tuple[float, SteadyState, Given],
) -> Finding:
    ratio, steady, given = around
    rows = steady.by_route[route]
    curve = [
        Evidence(
            f"predicted hits at {one.ttl_s:.0f} s",
            round(one.hit_ratio * 100, 1),
            f"%, of these {one.stale_ratio * 100:.1f} % stale",
            n=one.request_count,
        )
        for one in predictions
    ]
    return Finding(
        audit=META.audit_id,
        key=route,
        severity=Severity.WARNING if ratio >= SAVED_RATIO else Severity.NOTE,
        title=(
            f"{route}: {unchanged(trace).hit_ratio * 100:.0f} % of the answers are computed again "
            "and the same"
        ),
        routes=(route,),
        detail=_detail(trace, best),
        place=given[view_places].get(rows[0].endpoint),
        cost_s=_saved(best),
        cost_per_request_s=_saved(best) / len(rows),
        evidence=tuple(curve),
        remedies=(_remedy(rows[0].endpoint, trace, best),),
    )


def _detail(trace: RouteTrace, best: CachePrediction) -> str:
    whose = "per user" if trace.is_per_identity else "for everybody"
    if math.isinf(best.ttl_s):
        return (
            f"A cache {whose} that forgets the answer when it changes would have given "
            f"{best.hit_count:,} of {best.request_count:,}. It changes too often for a lifetime: "
            f"more than {STALE_RATIO * 100:.0f} % of the hits would be stale."
        )
    return (
        f"A cache {whose} with a lifetime of {best.ttl_s:.0f} s is predicted to answer "
        f"{best.hit_count:,} of {best.request_count:,} requests, {best.stale_count:,} of them "
        "with a body that had changed since."
    )


def _remedy(endpoint: str, trace: RouteTrace, best: CachePrediction) -> Remedy:
    key = "user" if trace.is_per_identity else "path and query"
    if math.isinf(best.ttl_s):
        return Remedy(
            "invalidate-on-write",
            {
                "endpoint": endpoint,
                "per_identity": trace.is_per_identity,
                "predicted_hit_ratio": best.hit_ratio,
            },
            f"Cache the response, keyed by {key}, and delete it where its data is written.",
            "cache.delete_memoized(view)  # after the commit that changes it\n",
        )
    ttl = f"{best.ttl_s:.0f}"
    varies = (
        ", make_cache_key=lambda *_, **__: f'{request.full_path}:{current_user_id()}'"
        if trace.is_per_identity
        else ", query_string=True"
    )
    return Remedy(
        "response-cache",
        {
            "endpoint": endpoint,
            "ttl_s": best.ttl_s,
            "per_identity": trace.is_per_identity,
            "predicted_hit_ratio": best.hit_ratio,
            "predicted_stale_ratio": best.stale_ratio,
        },
        f"Cache the response for {ttl} s, keyed by {key}.",
        f"@cache.cached(timeout={ttl}{varies})\n",
    )
