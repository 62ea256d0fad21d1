"""slow-external-call: a request spends its time waiting for somebody else's server.

## What it detects
Outgoing HTTP and mail, in at least `REQUESTS_MIN` requests of a route, that own at least
`SHARE_RATIO` of its response time and at least `CALL_S_MIN` per request.

## Why it matters
A waiting worker serves nobody. The other service's bad day becomes yours, and its outage fills
all of your workers with requests that wait for their timeout.

## How it is detected
Each exchange is timed where it leaves the process, and laid into its request.

## Known problems
Under a run the services behind it may be stubs: the share is that of the run. Clients that the
probe does not wrap (aiohttp, curl, gRPC) are invisible, so silence proves nothing about them.

## How to fix
Take it out of the request (a task queue), ask for it beforehand, cache the answer, or run several
at once. Whatever stays gets a timeout.

## References
M. Nygard, "Release It!", 2nd edition, "Integration Points", 2018.
"""

import statistics
from collections.abc import Sequence

from flask_assay.artifacts.external_calls import ExternalCalls, external_calls
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

SHARE_RATIO = 0.3  # of the response time
CALL_S_MIN = 0.02  # per request; below it there is little to gain
REQUESTS_MIN = 3  # with calls: the first one pays for names, connections and certificates

META = Meta(
    audit_id="slow-external-call",
    title="No route waits mainly for other services",
    failure_title="Routes wait for other services",
    needs=(steady_state, external_calls),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and service."""
    steady = given[steady_state]
    found = []
    for entry in given[external_calls].values():
        rows = steady.by_route[entry.route]
        seconds = entry.wall_ns / 1e9
        share = seconds / steady.route_s(entry.route) if steady.route_s(entry.route) else 0.0
        is_often = entry.request_count >= REQUESTS_MIN
        if is_often and share >= SHARE_RATIO and seconds / len(rows) >= CALL_S_MIN:
            found.append(_finding(entry, share, steady))
    return found


def _finding(entry: ExternalCalls, share: float, steady: SteadyState) -> Finding:
    site = most_frequent(entry.sites)
    place = place_of(site)
    seconds = entry.wall_ns / 1e9
    endpoint = steady.by_route[entry.route][0].endpoint
    parameters = {"endpoint": endpoint, "target": entry.target, "site": site}
    return Finding(
        audit=META.audit_id,
        key=f"{entry.route}:{entry.target}",
        severity=Severity.ERROR if share > 0.5 else Severity.WARNING,
        title=(
            f"{entry.route} waits for {entry.target or 'another service'} "
            f"{share * 100:.0f} % of its time"
        ),
        routes=(entry.route,),
        detail=(
            f"{entry.call_count:,} calls in {entry.request_count:,} requests; while one is under "
            "way, its worker thread serves nobody."
        ),
        place=place,
        cost_s=seconds,
        cost_per_request_s=seconds / entry.request_count,
        evidence=(
            Evidence(
                "median call",
                round(statistics.median(entry.durations_ns) / 1e6, 2),
                "ms",
                n=entry.call_count,
            ),
            Evidence("share of the response time", round(share * 100, 1), "%", n=entry.call_count),
            Evidence("failed calls", entry.error_count, "calls", n=entry.call_count),
        ),
        remedies=(
            Remedy("offload", parameters, "Do it after the response, in a task queue."),
            Remedy("external-what-if", parameters, "See what the route takes without the call."),
        ),
    )
