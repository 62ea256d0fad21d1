"""expired-reload: objects are read again only because a commit expired them.

## What it detects
Statements that fetch one row by its primary key after a commit, from a table that the same
request had read or written before, in at least `REQUESTS_RATIO` of a route's requests.

## Why it matters
By default a commit expires every object of the session; the next attribute that is read selects
its whole row again, one statement per object, to learn what is known already.

## How it is detected
Single-row reads by primary key that follow a commit in their request. Loads of a relationship
count only if the same load had run before the commit; the others bring new rows.

## Known problems
A look-up by key that the code makes on purpose after a commit looks the same.

## How to fix
Build the answer before the commit, or use a session with `expire_on_commit=False`.

## References
SQLAlchemy, "Session Basics", section "Committing".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask_assay.artifacts.parsed_statements import ParsedStatement, parsed_statements
from flask_assay.artifacts.places import key_of, most_frequent, place_of
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.table_statistics import Table, table_statistics
from flask_assay.artifacts.transaction_timeline import Reread, transaction_timeline
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

MEAN_MIN = 2  # reloads per request; one is noted only
REQUESTS_RATIO = 0.3  # of the route's requests

META = Meta(
    audit_id="expired-reload",
    title="Nothing is read again because of a commit",
    failure_title="Objects are read again after a commit",
    needs=(
        steady_state,
        transaction_timeline,
        parsed_statements,
        table_statistics,
        statement_shapes,
    ),
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
    parsed, tables = given[parsed_statements], given[table_statistics]
    groups: dict[str, _Reloads] = {}
    for route, entry in given[transaction_timeline].items():
        for statement, reread in entry.rereads.items():
            facts = parsed.get(statement)
            if facts is None or not _is_by_key(facts, tables) or reread.row_max > 1:
                continue
            if reread.request_count >= REQUESTS_RATIO * entry.request_count:
                site = most_frequent(reread.sites)
                known = site if place_of(site) is not None else statement
                group = groups.setdefault(known, _Reloads(site))
                group.add(route, facts.main_tables[0], statement, reread)
    return [_finding(group, given) for group in groups.values()]


def _is_by_key(facts: ParsedStatement, tables: Mapping[str, Table]) -> bool:
    """Return whether a statement is what reloading an object sends: one table by primary key."""
    if facts.kind != "select" or len(facts.tables) != 1 or facts.is_aggregate or facts.is_locking:
        return False
    table = tables.get(facts.tables[0])
    keys = [set(index.columns) for index in table.indexes if index.is_primary] if table else []
    return any(columns == facts.equal_columns for columns in keys)


def _finding(group: _Reloads, given: Given) -> Finding:
    steady = given[steady_state]
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
        severity=Severity.NOTE if mean < MEAN_MIN else severity_of(costs, steady),
        title=(
            f"{name_routes(routes)} {agree(routes, 'reads', 'read')} {tables} again after a "
            f"commit, {mean:.1f} times per request"
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
                {"endpoint": steady.by_route[routes[0]][0].endpoint, "site": group.site},
                "Build the answer before the commit, or set expire_on_commit=False.",
                'db = SQLAlchemy(session_options={"expire_on_commit": False})\n',
            ),
        ),
    )
