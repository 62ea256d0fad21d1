"""expired-reload: objects are read again only because a commit expired them.

## What it detects
Statements that fetch one row by its key after a commit, from a table that the same request had
read or written before, in at least `REQUESTS_RATIO` of a route's requests.

## Why it matters
By default a commit expires every object of the session; the next attribute that is read selects
its whole row again, one statement per object, to learn what is known already.

## How it is detected
Single-row reads by a unique key that follow a commit in their request.

## Known problems
A look-up by key that the code makes on purpose after a commit looks the same.

## How to fix
Build the answer before the commit, or use a session with `expire_on_commit=False`.

## References
SQLAlchemy, "Session Basics", section "Committing".
"""

from collections.abc import Mapping, Sequence

from flask_assay.artifacts.parsed_statements import ParsedStatement, parsed_statements
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.table_statistics import Table, table_statistics
from flask_assay.artifacts.transaction_timeline import Reread, transaction_timeline
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

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


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and statement."""
    parsed, tables = given[parsed_statements], given[table_statistics]
    found = []
    for route, entry in given[transaction_timeline].items():
        for statement, reread in entry.rereads.items():
            facts = parsed.get(statement)
            if facts is None or not _is_by_key(facts, tables) or reread.row_max > 1:
                continue
            if reread.request_count >= REQUESTS_RATIO * entry.request_count:
                found.append(_finding(route, statement, facts.main_tables[0], reread, given))
    return found


def _is_by_key(facts: ParsedStatement, tables: Mapping[str, Table]) -> bool:
    if facts.kind != "select" or len(facts.tables) != 1 or facts.is_aggregate or facts.is_locking:
        return False
    table = tables.get(facts.tables[0])
    unique = [set(index.columns) for index in table.indexes if index.is_unique] if table else []
    return any(columns == facts.equal_columns for columns in unique)


def _finding(route: str, statement: str, table: str, reread: Reread, given: Given) -> Finding:
    cost = reread.wall_ns / 1e9
    site = most_frequent(reread.sites)
    mean = reread.execution_count / reread.request_count
    return Finding(
        audit=META.audit_id,
        key=f"{route}:{table}",
        severity=Severity.NOTE if mean < 2 else severity_of({route: cost}, given[steady_state]),
        title=f"{route} reads {table} again after its commit, {mean:.1f} times per request",
        routes=(route,),
        detail="The commit expired the objects; each attribute read selects its row again.",
        place=place_of(site),
        cost_s=cost,
        cost_per_request_s=cost / reread.request_count,
        evidence=(
            Evidence("reads after a commit", mean, "queries per request", n=reread.request_count),
        ),
        sql=statement,
        statement_id=given[statement_shapes][statement].statement_id,
        remedies=(
            Remedy(
                "keep-after-commit",
                {"endpoint": given[steady_state].by_route[route][0].endpoint, "site": site},
                "Build the answer before the commit, or set expire_on_commit=False.",
                'db = SQLAlchemy(session_options={"expire_on_commit": False})\n',
            ),
        ),
    )
