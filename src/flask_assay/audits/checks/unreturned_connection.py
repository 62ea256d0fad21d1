"""unreturned-connection: a request takes a connection out of the pool and keeps it.

## What it detects
Checkouts without a checkin, in at least `REQUESTS_MIN` requests of a route.

## Why it matters
Every kept connection makes the pool smaller for all others, until it is empty and each request
waits for the pool's timeout.

## How it is detected
A checkout and the use that ends with its return are matched by connection, process and time,
over the whole run.

## Known problems
Requests that were under way when the run ended may seem to keep theirs; hence more than one.

## How to fix
`with engine.connect() as connection:`; or close what was opened in a teardown function.

## References
SQLAlchemy, "Working with Engines and Connections".
"""

from collections.abc import Sequence

from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.unreturned_connections import Unreturned, unreturned_connections
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Severity

REQUESTS_MIN = 2

META = Meta(
    audit_id="unreturned-connection",
    title="Every connection is returned to the pool",
    failure_title="Connections are taken and kept",
    needs=(unreturned_connections,),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    return [
        _finding(route, kept)
        for route, kept in given[unreturned_connections].items()
        if kept.request_count >= REQUESTS_MIN
    ]


def _finding(route: str, kept: Unreturned) -> Finding:
    return Finding(
        audit=META.audit_id,
        key=route,
        severity=Severity.WARNING,
        title=f"{route} took {kept.request_count} connections and did not return them",
        routes=(route,),
        detail="They were still out when their request had ended, and at the end of the run.",
        place=place_of(most_frequent(kept.sites) or most_frequent(kept.statement_sites)),
        evidence=(Evidence("connections kept", kept.request_count, "connections"),),
    )
