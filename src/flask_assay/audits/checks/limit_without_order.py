"""limit-without-order: a request takes the first rows of no order, or of one that leaves it open.

## What it detects
Statements with LIMIT or OFFSET and without ORDER BY that return more than one row. As a note,
those of one table whose ORDER BY gives several rows the same place.

## Why it matters
Which rows come first is up to the plan: a new index, a vacuum or a parallel scan changes the
answer. Pages overlap and skip rows.

## How it is detected
From the statement's text and the rows that it returned. One row by a unique key, EXISTS,
aggregates and rows taken from a queue with a lock have no order to speak of. Rows with equal keys
are counted in the data, with the parameters that the statement had; where a moment in time is
among the keys they are not, since seeding gives many rows the same one.

## Known problems
Any eight rows may really do; then say so with `allow`. Orders of joined rows, and of expressions,
are taken to be decided.

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
from flask_assay.artifacts.shared_places import SharedPlaces, shared_places
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes
from flask_assay.model.finding import Evidence, Finding, Severity

ROWS_MIN = 2  # a single row may be the only one there is
_MOMENTS = "timestamp"  # with a time zone or without

META = Meta(
    audit_id="limit-without-order",
    title="What is limited is ordered",
    failure_title="The first rows of no order are taken",
    needs=(counted_requests, request_queries, parsed_statements, shared_places, statement_shapes),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per place, or per statement where no place is known."""
    return [*_unordered(given), *_undecided(given)]


def _unordered(given: Given) -> list[Finding]:
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


def _undecided(given: Given) -> list[Finding]:
    groups: dict[str, list[tuple[QueryUse, SharedPlaces]]] = {}
    for (_, statement, _), use in given[request_queries].items():
        shared = given[shared_places].get(statement)
        if shared is None or use.row_max < ROWS_MIN or shared.row_count <= use.row_max:
            continue
        if shared.tied_count and not any(kind.startswith(_MOMENTS) for kind in shared.types):
            known = use.site if place_of(use.site) is not None else statement
            groups.setdefault(known, []).append((use, shared))
    return [_undecided_finding(group, given) for group in groups.values()]


def _undecided_finding(group: list[tuple[QueryUse, SharedPlaces]], given: Given) -> Finding:
    use, shared = max(group, key=lambda one: one[1].tied_count)
    place, keys = place_of(use.site), name_routes(shared.keys, "column")
    routes = tuple(dict.fromkeys(one.route for one, _ in group))
    return Finding(
        audit=META.audit_id,
        key=key_of(place, keys),
        severity=Severity.NOTE,
        title=(
            f"{name_routes(routes)} {agree(routes, 'takes', 'take')} the first rows in the order "
            f"of {keys}, where {shared.tied_count:,} of {shared.row_count:,} share their place"
        ),
        routes=routes,
        detail=(
            "Which of two rows with equal keys comes first is up to the plan: from page to page a "
            "row may come twice, or never. The primary key as the last column decides."
        ),
        place=place,
        evidence=(
            Evidence("rows with equal keys", shared.tied_count, "rows", n=shared.row_count),
            Evidence("rows returned at most", use.row_max, "rows", n=use.execution_count),
        ),
        sql=use.statement,
        statement_id=given[statement_shapes][use.statement].statement_id,
    )


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
