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

from collections import Counter
from collections.abc import Mapping, Sequence

from flask_assay.artifacts.places import key_of, most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.transaction_timeline import RouteTransactions, transaction_timeline
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy

REMEDIES_MAX = 1  # one route stands for all that share the line
REQUESTS_RATIO = 0.5  # of a GET route's requests write and commit

META = Meta(
    audit_id="write-on-read",
    title="Reading writes nothing",
    failure_title="Reading a page writes to the database",
    needs=(steady_state, transaction_timeline),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per writing line and table."""
    groups: dict[tuple[str, str], dict[str, RouteTransactions]] = {}
    for route, entry in given[transaction_timeline].items():
        is_read = route.startswith("GET ")
        if is_read and entry.committed_write_count >= REQUESTS_RATIO * entry.request_count:
            table = most_frequent(entry.written_tables) or "a table"
            groups.setdefault((most_frequent(entry.write_sites), table), {})[route] = entry
    return [
        _finding(site, table, entries, given[steady_state])
        for (site, table), entries in groups.items()
    ]


def _finding(
    site: str, table: str, entries: Mapping[str, RouteTransactions], steady: SteadyState
) -> Finding:
    costs = {
        route: (entry.write_ns + entry.commit_ns) / 1e9
        for route, entry in sorted(entries.items(), key=lambda one: -one[1].commit_ns)
    }
    routes, cost, place = tuple(costs), sum(costs.values()), place_of(site)
    writing = sum(entry.committed_write_count for entry in entries.values())
    requests = sum(entry.request_count for entry in entries.values())
    return Finding(
        audit=META.audit_id,
        key=key_of(place, table),
        severity=severity_of(costs, steady),
        title=(
            f"{name_routes(routes)} {agree(routes, 'writes', 'write')} {table} each time "
            f"{agree(routes, 'it is', 'they are')} read"
        ),
        routes=routes,
        detail=f"{writing:,} of {requests:,} requests wrote rows and committed them.",
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / requests,
        evidence=(
            Evidence("requests that write", writing, "requests", n=requests),
            Evidence("time of writes and commits", cost * 1e3, "ms", n=requests),
        ),
        sql=most_frequent(sum((entry.writes for entry in entries.values()), Counter())),
        remedies=tuple(
            Remedy(
                "offload",
                {"endpoint": steady.by_route[route][0].endpoint, "target": table, "site": site},
                "Write after the response, or count elsewhere and write in batches.",
            )
            for route in routes[:REMEDIES_MAX]
        ),
    )
