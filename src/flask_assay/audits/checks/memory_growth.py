"""memory-growth: a worker keeps growing after its warm-up.

## What it detects
Worker processes whose resident size rises through the whole steady state, by at least
`GROWTH_BYTES_MIN` and `GROWTH_RATIO`, and is still rising in its last third.

## Why it matters
It ends in the kernel's hands: the worker is killed in the middle of requests.

## How it is detected
A robust slope through the samples whose interval lies above zero. If a global of the user's
modules grew as well, the place is the line that fills it.

## Known problems
A run of a minute cannot tell a leak from a cache that has not reached its bound. Size rises in
steps of the allocator: short runs with few samples say nothing. The first request of each route
costs memory that later ones use again, so runs of fewer than `REQUESTS_PER_ROUTE_MIN` requests for
each route that was asked say nothing either.

## How to fix
Bound the caches (`lru_cache(maxsize=...)`), look at `tracemalloc` snapshots; as a stopgap restart
workers (`max_requests`).

## References
Python, "tracemalloc".
"""

from collections.abc import Sequence

from flask_assay.artifacts.growing_containers import GrowingContainer, growing_containers
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.artifacts.worker_timeline import ProcessTimeline, worker_timeline
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Severity
from flask_assay.stats.slope import theil_sen

GROWTH_BYTES_MIN = 8 * 2**20
GROWTH_RATIO = 0.05  # of the size at the start
LAST_THIRD_RATIO = 0.15  # of the whole growth; a bounded cache has stopped by then
POINTS_MIN = 9
REQUESTS_PER_ROUTE_MIN = 4  # on average

META = Meta(
    audit_id="memory-growth",
    title="Workers keep their size",
    failure_title="Workers keep growing",
    needs=(steady_state, worker_timeline, growing_containers),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding over all workers: they run the same code."""
    requests = given[steady_state].requests
    if len(requests) < REQUESTS_PER_ROUTE_MIN * len({request.route for request in requests}):
        return ()
    growing = [one for one in given[worker_timeline].workers if _grows(one)]
    if not growing:
        return ()
    worst = max(growing, key=_growth)
    return (_finding(worst, len(growing), given),)


def _growth(one: ProcessTimeline) -> float:
    return one.rss_bytes[-1][1] - one.rss_bytes[0][1]


def _grows(one: ProcessTimeline) -> bool:
    points = one.rss_bytes
    if len(points) < POINTS_MIN:
        return False
    growth = _growth(one)
    if growth < max(GROWTH_BYTES_MIN, GROWTH_RATIO * points[0][1]):
        return False
    last_third = points[-1][1] - points[-1 - len(points) // 3][1]
    slope = theil_sen([t for t, _ in points], [size for _, size in points])
    return last_third >= LAST_THIRD_RATIO * growth and slope.low > 0


def _finding(worst: ProcessTimeline, count: int, given: Given) -> Finding:
    points = worst.rss_bytes
    slope = theil_sen([t for t, _ in points], [size for _, size in points])
    steady = given[steady_state]
    suspect = next((one for one in given[growing_containers] if one.still_grows), None)
    return Finding(
        audit=META.audit_id,
        key="workers",
        severity=Severity.WARNING,
        title=f"A worker grew by {_growth(worst) / 2**20:.0f} MiB and was still growing",
        routes=tuple(suspect.routes) if suspect is not None else (),
        detail=(
            f"{count} worker(s) grew through the whole steady state of {steady.duration_s:.0f} s."
            + (_blame(suspect) if suspect is not None else "")
        ),
        place=suspect.place if suspect is not None else None,
        evidence=(
            Evidence(
                "growth",
                round(slope.point / 2**20, 3),
                "MiB/s",
                n=len(points),
                low=slope.low / 2**20,
                high=slope.high / 2**20,
            ),
            *_per_request(worst, steady),
            Evidence("size at the end", points[-1][1], "bytes"),
        ),
    )


def _per_request(worst: ProcessTimeline, steady: SteadyState) -> tuple[Evidence, ...]:
    """Share the growth out over the requests that this worker served, and no other."""
    served = sum(request.pid == worst.pid for request in steady.requests)
    if not served:
        return ()
    each = round(_growth(worst) / served)
    return (Evidence("per request that it served", each, "bytes", n=served),)


def _blame(suspect: GrowingContainer) -> str:
    return f" {suspect.name} grew with it, by {suspect.grown_count:,} entries."
