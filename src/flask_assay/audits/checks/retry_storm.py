"""retry-storm: a call that fails is made again and again within the request.

## What it detects
At least `ATTEMPTS_MIN` calls to the same path of a service in one request, of which all but the
last failed, in at least `REQUESTS_MIN` requests.

## Why it matters
A service that is down gets several times its load just then, and each request of yours waits for
all attempts: workers fill up with waiting, and the failure spreads.

## How it is detected
Calls are counted as failed by an exception, by a status of 500 and above, and by 429. It shows only
if the service failed while the load ran.

## Known problems
Attempts at different paths for one purpose are not seen as one. Polling that expects failures, such
as waiting for a file to appear, looks the same.

## How to fix
Two attempts at most within a request, with a pause that grows and is random, a timeout over all
of them, and a circuit breaker; the rest belongs into a task queue.

## References
M. Brooker, "Exponential Backoff and Jitter", 2015; M. Nygard, "Release It!", Circuit Breaker.
"""

import statistics
from collections.abc import Sequence

from flask_assay.artifacts.external_calls import ExternalCalls, external_calls
from flask_assay.artifacts.places import key_of, most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding

ATTEMPTS_MIN = 3  # of one call
REQUESTS_MIN = 3  # with so many attempts

META = Meta(
    audit_id="retry-storm",
    title="Calls that fail are not repeated within the request",
    failure_title="Calls that fail are repeated within the request",
    needs=(steady_state, external_calls),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and service."""
    steady = given[steady_state]
    found = []
    for entry in given[external_calls].values():
        many = [count for count in entry.retry_counts if count >= ATTEMPTS_MIN]
        if len(many) >= REQUESTS_MIN:
            found.append(_finding(entry, many, steady))
    return found


def _finding(entry: ExternalCalls, many: list[int], steady: SteadyState) -> Finding:
    cost = entry.retry_wall_ns / 1e9
    place = place_of(most_frequent(entry.retry_sites) or most_frequent(entry.sites))
    typical = statistics.median(many)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, entry.target),
        severity=severity_of({entry.route: cost}, steady),
        title=f"{entry.route} calls {entry.target} {typical:.0f} times when it fails",
        routes=(entry.route,),
        detail="The attempts follow each other within the request, which waits for all of them.",
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / len(many),
        evidence=(
            Evidence(
                "attempts of one call", typical, "calls", n=len(many), low=min(many), high=max(many)
            ),
            Evidence("failed calls", entry.error_count, "calls", n=entry.call_count),
            Evidence("time of failed attempts", cost * 1e3, "ms", n=len(many)),
        ),
    )
