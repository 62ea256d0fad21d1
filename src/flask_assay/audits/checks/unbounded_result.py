"""unbounded-result: a request fetches as many rows as the table happens to have.

## What it detects
Statements without a LIMIT that return at least `ROWS_MIN` rows on average, and at least
`TABLE_RATIO` of a table that has `TABLE_ROWS_MIN` rows or more. Of a GROUP BY, at least `ROWS_MIN`
groups, which are at least `GROUP_RATIO` of the rows of a table: where a group has few rows, new
rows make new groups.

## Why it matters
Time, memory and response grow with the table. The page works until the customer has been
with you for three years; then a worker runs out of memory.

## How it is detected
Rows are counted per execution and compared with the rows of the largest table in the FROM; groups
with those of any, as the groups of orders by customer are as many as the customers.

## Known problems
Growth is inferred from one size of the data: a table that will stay as it is may be fetched
whole on purpose. Exports are a matter of purpose, too: allow the route.

## How to fix
Page by key (`WHERE id > :last ORDER BY id LIMIT 50`), or stream with `yield_per` where all rows
are really wanted. Count in the database, not in Python. Where one row is wanted, say `.limit(1)`:
`session.scalar(select(...))` and `.scalars().first()` fetch all rows and take the first one.

## References
M. Winand, "We need tool support for keyset pagination".
"""

from collections.abc import Mapping, Sequence

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.parsed_statements import ParsedStatement, parsed_statements
from flask_assay.artifacts.places import key_of, place_of
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.table_statistics import Table, table_statistics
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Severity

ROWS_MIN = 500  # per execution, on average
TABLE_ROWS_MIN = 1_000  # smaller ones are taken to be reference tables
TABLE_RATIO = 0.2  # of the table's rows in one result
GROUP_RATIO = 0.05  # groups in one result, of the table's rows

META = Meta(
    audit_id="unbounded-result",
    title="Results are bounded",
    failure_title="Results grow with the table",
    needs=(
        counted_requests,
        request_queries,
        parsed_statements,
        table_statistics,
        statement_shapes,
    ),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per place, or per statement where no place is known."""
    parsed, tables = given[parsed_statements], given[table_statistics]
    groups: dict[str, list[tuple[QueryUse, Table]]] = {}
    for (_, statement, _), use in given[request_queries].items():
        facts = parsed.get(statement)
        table = _unbounded(use, facts, tables) if facts is not None else None
        if table is not None:
            known = use.site if place_of(use.site) is not None else statement
            groups.setdefault(known, []).append((use, table))
    return [_finding(group, given) for group in groups.values()]


def _unbounded(use: QueryUse, facts: ParsedStatement, tables: Mapping[str, Table]) -> Table | None:
    """Return the table that a result grows with, None if the result is bounded."""
    rows = use.rows_mean or 0
    if facts.kind != "select" or facts.has_limit or rows < ROWS_MIN:
        return None
    known = [tables[name] for name in facts.main_tables if name in tables]
    known.sort(key=lambda table: table.row_count)
    compared = known if facts.is_aggregate else known[-1:]
    ratio = GROUP_RATIO if facts.is_aggregate else TABLE_RATIO
    for table in compared:  # the smallest of those that fit is the one that groups are made of
        if table.row_count >= TABLE_ROWS_MIN and rows >= ratio * table.row_count:
            return table
    return None


def _finding(group: list[tuple[QueryUse, Table]], given: Given) -> Finding:
    group = sorted(group, key=lambda one: -one[0].wall_ns)
    counted, (use, table) = given[counted_requests], group[0]
    costs: dict[str, float] = {}
    for one, _ in group:
        costs[one.route] = costs.get(one.route, 0.0) + one.wall_s
    routes, cost, place = tuple(costs), sum(costs.values()), place_of(use.site)
    subject = name_routes(tuple(dict.fromkeys(one.name for _, one in group)), "table")
    rows = use.rows_mean or 0.0
    what = "groups" if given[parsed_statements][use.statement].is_aggregate else "rows"
    severity = severity_of(costs, counted)
    bodies = [row.body_bytes for route in routes for row in counted.by_route[route]]
    return Finding(
        audit=META.audit_id,
        key=key_of(place, table.name),
        severity=Severity.WARNING if severity is Severity.NOTE else severity,
        title=(
            f"{name_routes(routes)} {agree(routes, 'fetches', 'fetch')} {rows:,.0f} {what} of "
            f"{subject} without a limit"
        ),
        routes=routes,
        detail=(
            f"{table.name} has {table.row_count:,} rows, and each new one makes every request "
            "longer. The time given is the statement's; building the objects comes on top."
        ),
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / sum(len(counted.by_route[route]) for route in routes),
        evidence=(
            Evidence("rows per execution", rows, "rows", n=use.execution_count),
            Evidence("rows in the table", table.row_count, "rows"),
            Evidence("response body", sum(bodies) / len(bodies), "bytes", n=len(bodies)),
        ),
        sql=use.statement,
        statement_id=given[statement_shapes][use.statement].statement_id,
    )
