"""write-on-read: looking at a page writes to the database.

## What it detects
GET routes of which at least `REQUESTS_RATIO` of the requests write rows and commit them.

## Why it matters
A write takes locks, waits for the disk, makes work for vacuum and keeps the page from being
cached or served by a replica. A counter on a popular row makes its readers queue.

## How it is detected
INSERT, UPDATE and DELETE that changed a row, followed by a commit, in a GET request.

## Known problems
Audit trails and sessions in the database write on purpose: allow the route.

## How to fix
Count in Redis and write every minute, write after the response in a task queue, or use the
access log.

## References
RFC 9110, section 9.2.1, "Safe Methods".
"""

from collections.abc import Sequence

from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.transaction_timeline import RouteTransactions, transaction_timeline
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy

REQUESTS_RATIO = 0.5  # of a GET route's requests write and commit

META = Meta(
    audit_id="write-on-read",
    title="Reading writes nothing",
    failure_title="Reading a page writes to the database",
    needs=(steady_state, transaction_timeline),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    return [
        _finding(route, entry, given[steady_state])
        for route, entry in given[transaction_timeline].items()
        if route.startswith("GET ")
        and entry.committed_write_count >= REQUESTS_RATIO * entry.request_count
    ]


def _finding(route: str, entry: RouteTransactions, steady: SteadyState) -> Finding:
    cost = (entry.write_ns + entry.commit_ns) / 1e9
    table = most_frequent(entry.written_tables) or "a table"
    endpoint = steady.by_route[route][0].endpoint
    site = most_frequent(entry.write_sites)
    return Finding(
        audit=META.audit_id,
        key=f"{route}:{table}",
        severity=severity_of({route: cost}, steady),
        title=f"{route} writes {table} each time it is read",
        routes=(route,),
        detail=(
            f"{entry.committed_write_count:,} of {entry.request_count:,} requests wrote rows and "
            "committed them."
        ),
        place=place_of(site),
        cost_s=cost,
        cost_per_request_s=cost / entry.request_count,
        evidence=(
            Evidence(
                "requests that write",
                entry.committed_write_count,
                "requests",
                n=entry.request_count,
            ),
            Evidence("time of writes and commits", cost * 1e3, "ms", n=entry.request_count),
        ),
        sql=most_frequent(entry.writes),
        remedies=(
            Remedy(
                "offload",
                {"endpoint": endpoint, "target": table, "site": site},
                "Write after the response, or count elsewhere and write in batches.",
            ),
        ),
    )
