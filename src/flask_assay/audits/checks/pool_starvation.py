"""pool-starvation: requests queue for a database connection.

## What it detects
Routes that wait for the pool at least `WAIT_RATIO` of their response time and at least
`WAIT_S_MIN` per request, in at least `REQUESTS_MIN` requests. Who opens a new connection found room
in the pool, and does not count.

## Why it matters
Once every connection is out, adding threads makes requests slower, not more. The wait shows in
every route that touches the database, whoever holds the connections.

## How it is detected
The time from asking the pool until a connection is handed out, in the steady state.

## Known problems
A pool that is too small and connections that are held too long look alike here: see
`transaction-open-during-call` and the routes with the longest use.

## How to fix
Hold connections for less time first. Then give each process as many as it has threads
(`pool_size`), with workers × (pool_size + max_overflow) below PostgreSQL's `max_connections`.

## References
SQLAlchemy, "Connection Pooling".
"""

from collections.abc import Mapping, Sequence

from flask_assay.artifacts.pool_timeline import PoolUse, pool_timeline
from flask_assay.artifacts.settings import ServerSettings, settings
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given, UnavailableError
from flask_assay.audits.audit import Meta
from flask_assay.audits.weighing import agree, name_routes
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

WAIT_RATIO = 0.1  # of the response time
WAIT_S_MIN = 0.002  # per request, on average
REQUESTS_MIN = 5  # that waited for more than a millisecond, over all routes
STARVES_RATIO = 0.2

META = Meta(
    audit_id="pool-starvation",
    title="Connections are there when they are asked for",
    failure_title="Requests queue for a database connection",
    needs=(steady_state, pool_timeline, settings),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding over all routes: they share the pool."""
    steady = given[steady_state]
    waits: dict[str, PoolUse] = {}
    for route, use in given[pool_timeline].items():
        total, count = steady.route_s(route), len(steady.by_route[route])
        if total and use.wait_s / total >= WAIT_RATIO and use.wait_s / count >= WAIT_S_MIN:
            waits[route] = use
    if sum(use.waiting_count for use in waits.values()) < REQUESTS_MIN:
        return ()
    return (_finding(waits, given[pool_timeline], steady, _settings(given)),)


def _settings(given: Given) -> ServerSettings | None:
    try:
        return given[settings]
    except UnavailableError:
        return None


def _finding(
    waits: Mapping[str, PoolUse],
    uses: Mapping[str, PoolUse],
    steady: SteadyState,
    known: ServerSettings | None,
) -> Finding:
    routes = tuple(sorted(waits, key=lambda route: -waits[route].wait_s))
    wait_s = sum(use.wait_s for use in waits.values())
    requests = sum(len(steady.by_route[route]) for route in routes)
    worst = max(waits[route].wait_s / steady.route_s(route) for route in routes)
    holder = max(uses, key=lambda route: uses[route].use_s)
    evidence = [
        Evidence("mean wait for a connection", wait_s / requests * 1e3, "ms", n=requests),
        Evidence("largest share of a route's time", round(worst * 100, 1), "%", n=requests),
        Evidence("holds connections longest", holder),
    ]
    return Finding(
        audit=META.audit_id,
        key="pool",
        severity=Severity.ERROR if worst > STARVES_RATIO else Severity.WARNING,
        title=(
            f"{name_routes(routes)} {agree(routes, 'waits', 'wait')} "
            f"{wait_s / requests * 1e3:.0f} ms per request for a database connection"
        ),
        routes=routes,
        detail=(
            f"Every connection is out while requests wait. {holder} holds them longest: "
            f"{uses[holder].use_s:.1f} s in {steady.duration_s:.0f} s."
        ),
        place=known.places.get("pool_size") if known is not None else None,
        cost_s=wait_s,
        cost_per_request_s=wait_s / requests,
        evidence=tuple(evidence + _sizes(known)),
        remedies=(_remedy(known),),
    )


def _sizes(known: ServerSettings | None) -> list[Evidence]:
    if known is None or not known.engines:
        return []
    capacity = known.engines[0].capacity
    found = [Evidence("threads per process", known.threads, "threads")]
    if capacity is not None:
        found.append(Evidence("connections per process at most", capacity, "connections"))
    return found


def _remedy(known: ServerSettings | None) -> Remedy:
    size = known.fitting_pool_size if known is not None else 10
    return Remedy(
        "pool-size",
        {"pool_size": size, "max_overflow": 0},
        f"Give each process {size} connections.",
        f'SQLALCHEMY_ENGINE_OPTIONS = {{"pool_size": {size}, "max_overflow": 0}}\n',
    )
