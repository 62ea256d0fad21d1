"""chatty-cache: a request asks the cache for one value after the other.

## What it detects
At least `TRIPS_MIN` single round trips of one reading or writing command in a request.

## Why it matters
A round trip costs more than the value: twenty of them cost as much as one query.

## How it is detected
Round trips are counted at the connection, so a pipeline or MGET is one.

## Known problems
Values whose key depends on the value before cannot be asked for together.

## How to fix
`MGET`, a pipeline, or one hash instead of many keys.

## References
Redis, "Redis pipelining".
"""

import statistics
from collections import Counter
from collections.abc import Sequence

from flask_assay.artifacts.cache_calls import CacheCalls, cache_calls
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

TRIPS_MIN = 5  # of one command in one request
REQUESTS_RATIO = 0.2  # of the route's requests
FOLDABLE = {"GET", "HGET", "SET", "SETEX", "EXISTS", "INCR", "HSET", "TTL", "SISMEMBER", "DEL"}

META = Meta(
    audit_id="chatty-cache",
    title="The cache is asked once",
    failure_title="The cache is asked for one value after the other",
    needs=(steady_state, cache_calls),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and command."""
    found = []
    for route, calls in given[cache_calls].items():
        count = len(given[steady_state].by_route[route])
        for command, trips in calls.singles_by_command.items():
            many = [one for one in trips if one >= TRIPS_MIN]
            if command in FOLDABLE and len(many) >= max(1, REQUESTS_RATIO * count):
                found.append(_finding(route, command, many, calls, given[steady_state]))
    return found


def _finding(
    route: str, command: str, many: list[int], calls: CacheCalls, steady: SteadyState
) -> Finding:
    trips = sum(calls.singles_by_command[command])
    cost = calls.single_wall_ns[command] / 1e9 * (1 - len(many) / trips)
    site = most_frequent(calls.sites_by_command.get(command, Counter()))
    severity = severity_of({route: cost}, steady)
    typical = statistics.median(many)
    return Finding(
        audit=META.audit_id,
        key=f"{route}:{command}",
        severity=severity if severity is not Severity.NOTE else Severity.WARNING,
        title=f"{route} makes {typical:.0f} round trips to the cache where one would do",
        routes=(route,),
        detail=f"{command} is sent alone and awaited {typical:.0f} times in a request.",
        place=place_of(site),
        cost_s=cost,
        cost_per_request_s=cost / len(steady.by_route[route]),
        evidence=(
            Evidence(f"{command} round trips per request", typical, "trips", n=len(many)),
            Evidence("their time", calls.single_wall_ns[command] / 1e6, "ms", n=trips),
        ),
        remedies=(
            Remedy(
                "fold-cache-trips",
                {"endpoint": steady.by_route[route][0].endpoint, "command": command, "site": site},
                "Ask for all values in one trip.",
                "values = client.mget(keys)\n" if command == "GET" else "",
            ),
        ),
    )
