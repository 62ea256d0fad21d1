"""limit-without-order: a request takes the first rows of no order.

## What it detects
Statements with LIMIT or OFFSET and without ORDER BY that return more than one row.

## Why it matters
Which rows come first is up to the plan: a new index, a vacuum or a parallel scan changes the
answer. Pages overlap and skip rows.

## How it is detected
From the statement's text and the rows that it returned. One row by a unique key, EXISTS,
aggregates and rows taken from a queue with a lock have no order to speak of.

## Known problems
Any eight rows may really do; then say so with `allow`. An ORDER BY on a column with equal values
is as undecided, and is not seen.

## How to fix
Order by something unique; add the primary key as the last column.

## References
PostgreSQL, "LIMIT and OFFSET".
"""

from collections.abc import Sequence

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.parsed_statements import parsed_statements
from flask_assay.artifacts.places import key_of, place_of
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes
from flask_assay.model.finding import Evidence, Finding, Severity

ROWS_MIN = 2  # a single row may be the only one there is

META = Meta(
    audit_id="limit-without-order",
    title="What is limited is ordered",
    failure_title="The first rows of no order are taken",
    needs=(counted_requests, request_queries, parsed_statements, statement_shapes),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per place, or per statement where no place is known."""
    parsed = given[parsed_statements]
    groups: dict[str, list[tuple[QueryUse, tuple[str, ...]]]] = {}
    for (_, statement, _), use in given[request_queries].items():
        facts = parsed.get(statement)
        if facts is None or facts.kind != "select" or not facts.limits_unordered:
            continue
        if facts.is_aggregate or facts.is_locking:
            continue
        if use.row_max >= ROWS_MIN:
            known = use.site if place_of(use.site) is not None else statement
            groups.setdefault(known, []).append((use, facts.main_tables[:1]))
    return [_finding(group, given) for group in groups.values()]


def _finding(group: list[tuple[QueryUse, tuple[str, ...]]], given: Given) -> Finding:
    uses = [use for use, _ in group]
    tables = sorted({table for _, names in group for table in names})
    subject = name_routes(tuple(tables), "table") if tables else "a result"
    place = place_of(uses[0].site)
    routes = tuple(dict.fromkeys(use.route for use in uses))
    executions = sum(use.execution_count for use in uses)
    rows = max(use.row_max for use in uses)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, tables[0] if tables else "result"),
        severity=Severity.WARNING,
        title=(
            f"{name_routes(routes)} {agree(routes, 'takes', 'take')} the first rows of {subject} "
            "in no order"
        ),
        routes=routes,
        detail="LIMIT without ORDER BY: which rows are returned is up to the plan.",
        place=place,
        evidence=(
            Evidence("rows returned at most", rows, "rows", n=executions),
            Evidence("executions", executions, "queries"),
        ),
        sql=uses[0].statement,
        statement_id=given[statement_shapes][uses[0].statement].statement_id,
    )
