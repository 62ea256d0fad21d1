"""write-on-read: looking at a page writes to the database.

## What it detects
GET routes of which at least `REQUESTS_RATIO` of the requests write rows and commit them, in at
least `REQUESTS_MIN` requests by one line. Requests that were turned away for want of rights, where
others were served, read nothing and do not count.

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
from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_assay.artifacts.counted_requests import CountedRequests, counted_requests
from flask_assay.artifacts.places import key_of, most_frequent, place_of, shared_sites
from flask_assay.artifacts.transaction_timeline import Write, transaction_timeline
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy

REQUESTS_RATIO = 0.5  # of a GET route's requests write and commit
REQUESTS_MIN = 3  # by one line, over all routes: a first visit may be the only one that writes

META = Meta(
    audit_id="write-on-read",
    title="Reading writes nothing",
    failure_title="Reading a page writes to the database",
    needs=(counted_requests, transaction_timeline),
    state=State.PREVIEW,
)


@dataclass(slots=True)
class _Writes:
    """What one line writes, over statements and routes."""

    statements: Counter[str] = field(default_factory=Counter)
    route_ns: Counter[str] = field(default_factory=Counter)
    route_requests: dict[str, int] = field(default_factory=dict)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per writing line and table."""
    served = given[counted_requests].served_counts
    reads = {
        route: entry
        for route, entry in given[transaction_timeline].items()
        if route.startswith("GET ")
        and entry.committed_write_count >= REQUESTS_RATIO * served.get(route, entry.request_count)
    }
    by_statement: dict[str, dict[str, Write]] = {}
    for route, entry in reads.items():
        for statement, write in entry.writes.items():
            if write.request_count >= REQUESTS_RATIO * served.get(route, entry.request_count):
                by_statement.setdefault(statement, {})[route] = write
    groups: dict[tuple[str, str], _Writes] = {}
    for statement, writes in by_statement.items():
        sites = shared_sites({route: write.sites for route, write in writes.items()})
        for route, write in writes.items():
            group = groups.setdefault((sites[route], write.table), _Writes())
            group.statements[statement] += write.request_count
            group.route_ns[route] += write.wall_ns + reads[route].commit_ns
            group.route_requests[route] = max(
                group.route_requests.get(route, 0), write.request_count
            )
    return [
        _finding(site, table, group, given[counted_requests])
        for (site, table), group in groups.items()
        if sum(group.route_requests.values()) >= REQUESTS_MIN
    ]


def _finding(site: str, table: str, group: _Writes, counted: CountedRequests) -> Finding:
    costs = {route: ns / 1e9 for route, ns in group.route_ns.most_common()}
    routes, cost, place = tuple(costs), sum(costs.values()), place_of(site)
    writing = sum(group.route_requests.values())
    requests = sum(len(counted.by_route[route]) for route in routes)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, table),
        severity=severity_of(costs, counted),
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
        sql=most_frequent(group.statements),
        remedies=(
            Remedy(
                "offload",
                {
                    "endpoint": counted.by_route[routes[0]][0].endpoint,
                    "target": table,
                    "site": site,
                },
                "Write after the response, or count elsewhere and write in batches.",
            ),
        ),
    )
