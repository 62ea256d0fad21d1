"""unbounded-result: a request fetches as many rows as the table happens to have.

## What it detects
Statements without a LIMIT that return at least `ROWS_MIN` rows on average, and at least
`TABLE_RATIO` of a table that has `TABLE_ROWS_MIN` rows or more.

## Why it matters
Time, memory and response grow with the table. The page works until the customer has been
with you for three years; then a worker runs out of memory.

## How it is detected
Rows are counted per execution and compared with the rows of the largest table in the FROM.

## Known problems
Growth is inferred from one size of the data: a table that will stay as it is may be fetched
whole on purpose. Exports are a matter of purpose, too: allow the route.

## How to fix
Page by key (`WHERE id > :last ORDER BY id LIMIT 50`), or stream with `yield_per` where all rows
are really wanted. Count in the database, not in Python.

## References
M. Winand, "We need tool support for keyset pagination".
"""

from collections.abc import Mapping, Sequence

from flask_assay.artifacts.parsed_statements import ParsedStatement, parsed_statements
from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.table_statistics import Table, table_statistics
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Severity

ROWS_MIN = 500  # per execution, on average
TABLE_ROWS_MIN = 1_000  # smaller ones are taken to be reference tables
TABLE_RATIO = 0.2  # of the table's rows in one result

META = Meta(
    audit_id="unbounded-result",
    title="Results are bounded",
    failure_title="Results grow with the table",
    needs=(
        steady_state,
        request_queries,
        parsed_statements,
        table_statistics,
        statement_shapes,
    ),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and statement."""
    parsed, tables = given[parsed_statements], given[table_statistics]
    steady, shapes = given[steady_state], given[statement_shapes]
    found = []
    for (_, statement, _), use in given[request_queries].items():
        facts = parsed.get(statement)
        table = _unbounded(use, facts, tables) if facts is not None else None
        if table is not None:
            found.append(_finding(use, table, steady, shapes[statement].statement_id))
    return found


def _unbounded(use: QueryUse, facts: ParsedStatement, tables: Mapping[str, Table]) -> Table | None:
    """Return the table that a result grows with, None if the result is bounded."""
    rows = use.rows_mean or 0
    if facts.kind != "select" or facts.has_limit or facts.is_aggregate or rows < ROWS_MIN:
        return None
    known = [tables[name] for name in facts.main_tables if name in tables]
    if not known:
        return None
    largest = max(known, key=lambda table: table.row_count)
    if largest.row_count < TABLE_ROWS_MIN or rows < TABLE_RATIO * largest.row_count:
        return None
    return largest


def _finding(use: QueryUse, table: Table, steady: SteadyState, statement_id: str) -> Finding:
    place = place_of(use.site)
    rows = use.rows_mean or 0.0
    severity = severity_of({use.route: use.wall_s}, steady)
    bodies = [row.body_bytes for row in steady.by_route[use.route]]
    return Finding(
        audit=META.audit_id,
        key=f"{use.route}:{table.name}",
        severity=Severity.WARNING if severity is Severity.NOTE else severity,
        title=f"{use.route} fetches {rows:,.0f} rows of {table.name} without a limit",
        routes=(use.route,),
        detail=(
            f"{table.name} has {table.row_count:,} rows, and each new one makes every request "
            "longer. The time given is the statement's; building the objects comes on top."
        ),
        place=place,
        cost_s=use.wall_s,
        cost_per_request_s=use.wall_s / use.request_count,
        evidence=(
            Evidence("rows per execution", rows, "rows", n=use.execution_count),
            Evidence("rows in the table", table.row_count, "rows"),
            Evidence("response body", sum(bodies) / len(bodies), "bytes", n=len(bodies)),
        ),
        sql=use.statement,
        statement_id=statement_id,
    )
