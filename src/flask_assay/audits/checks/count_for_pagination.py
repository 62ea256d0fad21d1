"""count-for-pagination: each page counts the whole table.

## What it detects
A `count(*)` beside a statement with a LIMIT of several rows on the same table, in the same route
and with the same columns compared, that counts at least `ROWS_MIN` rows, or a whole table of
`TABLE_ROWS_MIN`, which is noted only. A count of other rows, as of the unread ones, is a number
that the page shows; what a count reads and throws away is `missing-index`.

## Why it matters
The page reads 20 rows, the pager reads all of them: its cost grows with the table and is paid on
every page by users who look at the first.

## How it is detected
From the statements of a route; the rows that the count's scans hand on come from its plan, or are
the table's if the count has no condition.

## Known problems
Counts of filtered subsets are judged by their plan only, so without `plans.json` they pass.

## How to fix
Ask for one row more than a page and show "next"; or cache the count; or show an estimate.
With Flask-SQLAlchemy 3: `db.paginate(..., count=False)`.

## References
M. Winand, "We need tool support for keyset pagination".
"""

from collections.abc import Sequence

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.parsed_statements import ParsedStatement, parsed_statements
from flask_assay.artifacts.places import key_of, place_of
from flask_assay.artifacts.query_plans import StatementPlan, query_plans
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.table_statistics import table_statistics
from flask_assay.artifacts.view import Given, UnavailableError
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Severity

ROWS_MIN = 10_000  # counted per execution
PAGE_ROWS_MIN = 2  # one row, by a number drawn from the count, is no page
TABLE_ROWS_MIN = 3_000  # of a table counted whole: half a millisecond, as much as the round trip

META = Meta(
    audit_id="count-for-pagination",
    title="Pages do not count the whole table",
    failure_title="Each page counts the whole table",
    needs=(
        counted_requests,
        request_queries,
        parsed_statements,
        table_statistics,
        query_plans,
        statement_shapes,
    ),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per place and table, or per statement where no place is known."""
    parsed = given[parsed_statements]
    paged: set[tuple[str, ...]] = set()
    for (route, statement, _), use in given[request_queries].items():
        facts = parsed.get(statement)
        is_page = use.row_max >= PAGE_ROWS_MIN
        if facts is not None and is_page and facts.has_limit and facts.kind == "select":
            paged.add((route, *_counted(facts)))
    groups: dict[tuple[str, str], list[tuple[QueryUse, float]]] = {}
    for (route, statement, _), use in given[request_queries].items():
        facts = parsed.get(statement)
        if facts is None or not facts.is_count or not facts.main_tables:
            continue
        rows = _rows_counted(given, statement, facts)
        least = ROWS_MIN if facts.has_where else TABLE_ROWS_MIN
        if (route, *_counted(facts)) in paged and rows >= least:
            known = use.site if place_of(use.site) is not None else statement
            groups.setdefault((facts.main_tables[0], known), []).append((use, rows))
    return [_finding(given, table, group) for (table, _), group in groups.items()]


def _counted(facts: ParsedStatement) -> tuple[str, ...]:
    """Return the table that rows are taken of and what decides which: the same for their count."""
    where = "where" if facts.has_where else ""
    return (*facts.main_tables[:1], where, *sorted(facts.equal_columns))


def _rows_counted(given: Given, statement: str, facts: ParsedStatement) -> float:
    table = given[table_statistics].get(facts.main_tables[0])
    if table is not None and not facts.has_where:
        return table.row_count
    plans = _plans(given, statement)
    return max((sum(scan.rows_kept for scan in plan.scans) for plan in plans), default=0)


def _plans(given: Given, statement: str) -> tuple[StatementPlan, ...]:
    try:
        return given[query_plans].get(statement, ())
    except UnavailableError:
        return ()


def _finding(given: Given, table: str, group: list[tuple[QueryUse, float]]) -> Finding:
    group = sorted(group, key=lambda one: -one[0].wall_ns)
    costs: dict[str, float] = {}
    for use, _ in group:
        costs[use.route] = costs.get(use.route, 0.0) + use.wall_s
    routes, cost = tuple(costs), sum(costs.values())
    rows = max(rows for _, rows in group)
    executions = sum(use.execution_count for use, _ in group)
    first = group[0][0]
    place = place_of(first.site)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, table),
        severity=severity_of(costs, given[counted_requests]) if rows >= ROWS_MIN else Severity.NOTE,
        title=(
            f"{name_routes(routes)} {agree(routes, 'reads', 'read')} {rows:,.0f} rows to count "
            f"the pages of {table}"
        ),
        routes=routes,
        detail="The page itself reads only its own rows; the count reads all, on every page.",
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / sum(use.request_count for use, _ in group),
        evidence=(
            Evidence("rows read per count", rows, "rows", n=executions),
            Evidence("time of the counts", cost * 1e3, "ms", n=executions),
        ),
        sql=first.statement,
        statement_id=given[statement_shapes][first.statement].statement_id,
    )
