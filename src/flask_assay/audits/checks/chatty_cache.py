"""chatty-cache: a request asks the cache for one value after the other.

## What it detects
At least `TRIPS_MIN` single round trips of one command in a request, in at least `REQUESTS_MIN`
requests and `REQUESTS_RATIO` of a route's. Of commands that write, in `WRITES_RATIO` of them: a
cold cache is filled once.

## Why it matters
A round trip costs more than the value: twenty of them cost as much as one query.

## How it is detected
Round trips are counted at the connection, so a pipeline or MGET is one.

## Known problems
Values whose key depends on the value before cannot be asked for together. Memoised functions that
call each other make one trip each; what helps them is a memo of the request around the cache.

## How to fix
`MGET` (Flask-Caching: `cache.get_many`), a pipeline, or one hash instead of many keys. Keep on
`flask.g` what is asked for again.

## References
Redis, "Redis pipelining".
"""

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_assay.artifacts.cache_calls import cache_calls
from flask_assay.artifacts.places import key_of, place_of, shared_sites
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

TRIPS_MIN = 5  # of one command in one request
REQUESTS_MIN = 5  # with so many, over all routes
WRITES_RATIO = 0.5  # of the route's requests
PLACES_MAX = 2  # of one command
REQUESTS_RATIO = 0.2  # of the route's requests
READS = {"GET", "HGET", "EXISTS", "TTL", "SISMEMBER"}
WRITES = {"SET", "SETEX", "INCR", "HSET", "DEL"}

META = Meta(
    audit_id="chatty-cache",
    title="The cache is asked once",
    failure_title="The cache is asked for one value after the other",
    needs=(steady_state, cache_calls),
    state=State.PREVIEW,
)


@dataclass(frozen=True, slots=True)
class _Trips:
    """Single round trips of one command in one route."""

    many: list[int]
    count: int
    wall_s: float
    sites: Counter[str]


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per command and place."""
    steady = given[steady_state]
    chatty: dict[str, dict[str, _Trips]] = {}
    for route, calls in given[cache_calls].items():
        count = len(steady.by_route[route])
        for command, trips in calls.singles_by_command.items():
            many = [one for one in trips if one >= TRIPS_MIN]
            if _is_usual(command, len(many), count):
                wall_s = calls.single_wall_ns[command] / 1e9
                sites = calls.sites_by_command.get(command, Counter())
                chatty.setdefault(command, {})[route] = _Trips(many, sum(trips), wall_s, sites)
    found = []
    for command, by_route in chatty.items():
        shared = shared_sites({route: trips.sites for route, trips in by_route.items()})
        routes: dict[str, dict[str, _Trips]] = {}
        for route, site in shared.items():
            routes.setdefault(site, {})[route] = by_route[route]
        for site, group in _folded(routes).items():
            if sum(len(trips.many) for trips in group.values()) >= REQUESTS_MIN:
                found.append(_finding(command, site, group, steady))
    return found


def _is_usual(command: str, many_count: int, request_count: int) -> bool:
    if command in WRITES:
        return many_count >= max(2, WRITES_RATIO * request_count)
    return command in READS and many_count >= max(1, REQUESTS_RATIO * request_count)


def _folded(routes: dict[str, dict[str, _Trips]]) -> dict[str, dict[str, _Trips]]:
    """Let the largest group take the small ones over: sites are sampled, so they scatter."""
    order = sorted(routes, key=lambda site: -sum(one.wall_s for one in routes[site].values()))
    kept = {site: routes[site] for site in order[:PLACES_MAX]}
    for site in order[PLACES_MAX:]:
        kept[order[0]] = {**kept[order[0]], **routes[site]}
    return kept


def _finding(command: str, site: str, group: Mapping[str, _Trips], steady: SteadyState) -> Finding:
    costs = {
        route: trips.wall_s * (1 - len(trips.many) / trips.count)
        for route, trips in sorted(group.items(), key=lambda one: -one[1].wall_s)
    }
    routes, cost = tuple(costs), sum(costs.values())
    many = [count for trips in group.values() for count in trips.many]
    severity = severity_of(costs, steady)
    typical = statistics.median(many)
    place = place_of(site)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, command),
        severity=severity if severity is not Severity.NOTE else Severity.WARNING,
        title=(
            f"{name_routes(routes)} {agree(routes, 'makes', 'make')} {typical:.0f} round trips to "
            "the cache, one after the other"
        ),
        routes=routes,
        detail=f"{command} is sent alone and awaited {typical:.0f} times in a request (median).",
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / sum(len(steady.by_route[route]) for route in routes),
        evidence=(
            Evidence(
                f"{command} round trips per request",
                typical,
                "trips",
                n=len(many),
                low=float(min(many)),
                high=float(max(many)),
            ),
            Evidence(
                "their time in all",
                sum(trips.wall_s for trips in group.values()) * 1e3,
                "ms",
                n=sum(trips.count for trips in group.values()),
            ),
        ),
        remedies=(
            Remedy(
                "fold-cache-trips",
                {
                    "endpoint": steady.by_route[routes[0]][0].endpoint,
                    "command": command,
                    "site": site,
                },
                "Ask for all values in one trip.",
                "values = client.mget(keys)\n" if command == "GET" else "",
            ),
        ),
    )
