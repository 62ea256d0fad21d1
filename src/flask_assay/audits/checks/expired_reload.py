"""expired-reload: objects are read again only because a commit expired them.

## What it detects
Statements that refresh an object after a commit, in at least `REQUESTS_RATIO` of a route's
requests. Fewer than `MEAN_MIN` of them in a request are a note.

## Why it matters
By default a commit expires every object of the session; the next attribute that is read selects
its whole row again, one statement per object, to learn what is known already.

## How it is detected
SQLAlchemy itself says which statements only refresh an expired object; those that follow a commit
of the same request count, and so do relationships that it had loaded before the commit. Loads of
other objects, by key or by relationship, do not.

## Known problems
Where another session changed the row, the refresh brings news, and is reported all the same.

## How to fix
Build the answer before the commit, or use a session with `expire_on_commit=False`.

## References
SQLAlchemy, "Session Basics", section "Committing".
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.places import key_of, most_frequent, place_of
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.transaction_timeline import Reread, transaction_timeline
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, how_often, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

MEAN_MIN = 2  # reloads per request; one is noted only
REQUESTS_RATIO = 0.3  # of the route's requests

META = Meta(
    audit_id="expired-reload",
    title="Nothing is read again because of a commit",
    failure_title="Objects are read again after a commit",
    needs=(counted_requests, transaction_timeline, statement_shapes),
    state=State.PREVIEW,
)


@dataclass(slots=True)
class _Reloads:
    """What one line reads again, over statements and routes."""

    site: str
    tables: Counter[str] = field(default_factory=Counter)
    statements: Counter[str] = field(default_factory=Counter)
    route_wall_ns: Counter[str] = field(default_factory=Counter)
    route_requests: dict[str, int] = field(default_factory=dict)
    count: int = 0

    def add(self, route: str, table: str, statement: str, reread: Reread) -> None:
        self.tables[table] += reread.execution_count
        self.statements[statement] += reread.wall_ns
        self.route_wall_ns[route] += reread.wall_ns
        known = self.route_requests.get(route, 0)
        self.route_requests[route] = max(known, reread.request_count)
        self.count += reread.execution_count


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per line that reads again, or per statement where no line is known."""
    groups: dict[str, _Reloads] = {}
    for route, entry in given[transaction_timeline].items():
        for statement, reread in entry.rereads.items():
            if reread.request_count >= REQUESTS_RATIO * entry.request_count:
                site = most_frequent(reread.sites)
                known = site if place_of(site) is not None else statement
                group = groups.setdefault(known, _Reloads(site))
                group.add(route, _table(statement), statement, reread)
    return [_finding(group, given) for group in groups.values()]


def _table(statement: str) -> str:
    found = re.search(r"\bFROM\s+([\w.\"]+)", statement, re.IGNORECASE)
    return found[1].replace('"', "") if found else "objects"


def _finding(group: _Reloads, given: Given) -> Finding:
    counted = given[counted_requests]
    costs = {route: ns / 1e9 for route, ns in group.route_wall_ns.most_common()}
    routes, cost = tuple(costs), sum(costs.values())
    requests = sum(group.route_requests.values())
    mean = group.count / requests
    place = place_of(group.site)
    tables = " and ".join(sorted(group.tables))
    statement = most_frequent(group.statements)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, tables),
        severity=Severity.NOTE if mean < MEAN_MIN else severity_of(costs, counted),
        title=(
            f"{name_routes(routes)} {agree(routes, 'reads', 'read')} {tables} again after a "
            f"commit, {how_often(mean)} per request"
        ),
        routes=routes,
        detail="The commit expired the objects; each attribute read selects its row again.",
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / requests,
        evidence=(Evidence("reads after a commit", mean, "queries per request", n=requests),),
        sql=statement,
        statement_id=given[statement_shapes][statement].statement_id,
        remedies=(
            Remedy(
                "keep-after-commit",
                {"endpoint": counted.by_route[routes[0]][0].endpoint, "site": group.site},
                "Build the answer before the commit, or set expire_on_commit=False.",
                'db = SQLAlchemy(session_options={"expire_on_commit": False})\n',
            ),
        ),
    )
