"""serial-calls: a request makes calls one after the other that could be one, or at once.

## What it detects
At least `CALLS_MIN` calls to one service in a request, none overlapping another, in at least
`REQUESTS_MIN` requests and `REQUESTS_RATIO` of the route's, that together own at least
`SHARE_RATIO` of its time.

## Why it matters
Their times add up: ten calls of 30 ms are 300 ms, however fast either side is.

## How it is detected
Outgoing calls are counted by request and service; such as overlap in time are concurrent already.

## Known problems
A call that needs the answer of the one before cannot be made at the same time.

## How to fix
Ask for all in one call where the service can; else a small thread pool with the same timeout.

## References
Python, "concurrent.futures".
"""

import statistics
from collections.abc import Sequence

from flask_assay.artifacts.external_calls import ExternalCalls, external_calls
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding

CALLS_MIN = 3  # in one request, one after the other
REQUESTS_MIN = 3  # with so many: a share of the time of fewer is chance
REQUESTS_RATIO = 0.2  # of the route's requests
SHARE_RATIO = 0.3  # of the route's time

META = Meta(
    audit_id="serial-calls",
    title="Calls to one service do not queue behind each other",
    failure_title="Calls to one service are made one after the other",
    needs=(steady_state, external_calls),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and service."""
    steady = given[steady_state]
    found = []
    for entry in given[external_calls].values():
        many = [count for count in entry.serial_counts if count >= CALLS_MIN]
        total = steady.route_s(entry.route)
        least = max(REQUESTS_MIN, REQUESTS_RATIO * len(steady.by_route[entry.route]))
        if len(many) < least or not total:
            continue
        if entry.wall_ns / 1e9 / total >= SHARE_RATIO:
            found.append(_finding(entry, many, steady))
    return found


def _finding(entry: ExternalCalls, many: list[int], steady: SteadyState) -> Finding:
    typical = statistics.median(many)
    cost = entry.wall_ns / 1e9 * (1 - 1 / typical)
    return Finding(
        audit=META.audit_id,
        key=f"{entry.route}:{entry.target}",
        severity=severity_of({entry.route: cost}, steady),
        title=f"{entry.route} calls {entry.target} {typical:.0f} times, one after the other",
        routes=(entry.route,),
        detail="None of the calls overlaps another, so their times add up.",
        place=place_of(most_frequent(entry.sites)),
        cost_s=cost,
        cost_per_request_s=cost / len(steady.by_route[entry.route]),
        evidence=(
            Evidence("calls per request, one after the other", typical, "calls", n=len(many)),
            Evidence("their time in all", entry.wall_ns / 1e6, "ms", n=entry.call_count),
        ),
    )
