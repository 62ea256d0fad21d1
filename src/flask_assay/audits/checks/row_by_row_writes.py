"""row-by-row-writes: many rows are written with one statement each.

## What it detects
At least `WRITES_MIN` single-row INSERT, UPDATE or DELETE statements of one shape in a request, in
at least `REQUESTS_RATIO` of the requests that write it.

## Why it matters
Each statement is a round trip inside an open transaction, so locks are held for longer.

## How it is detected
Statements that write at most one row are counted by shape and request; batches of the driver
(executemany) count as one.

## Known problems
Rows whose returned values the next one needs cannot be batched.

## How to fix
`session.add_all(rows)` with one flush, `insert(Model).values([...])`, or
`session.execute(update(Model), [...])`.

## References
SQLAlchemy, "ORM-Enabled INSERT, UPDATE, and DELETE statements".
"""

import statistics
from collections.abc import Sequence

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Severity

WRITES_MIN = 10  # single-row statements of one shape in a request
REQUESTS_RATIO = 0.2  # of the requests that run the statement

META = Meta(
    audit_id="row-by-row-writes",
    title="Rows are written in batches",
    failure_title="Rows are written one by one",
    needs=(counted_requests, request_queries, statement_shapes),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and statement."""
    found = []
    for (_, statement, _), use in given[request_queries].items():
        many = [count for count in use.single_write_counts if count >= WRITES_MIN]
        first = statement.lstrip()[:6].upper()
        if first not in {"INSERT", "UPDATE", "DELETE"} or not many:
            continue
        if len(many) >= REQUESTS_RATIO * use.request_count:
            found.append(_finding(given, use, many))
    return found


def _finding(given: Given, use: QueryUse, many: list[int]) -> Finding:
    cost = use.single_write_wall_ns / 1e9
    severity = severity_of({use.route: cost}, given[counted_requests])
    typical = statistics.median(many)
    return Finding(
        audit=META.audit_id,
        key=f"{use.route}:{' '.join(use.statement.split()[:3])}",
        severity=severity if severity is not Severity.NOTE else Severity.WARNING,
        title=f"{use.route} writes {typical:,.0f} rows with as many statements",
        routes=(use.route,),
        detail="One statement for all rows takes one round trip.",
        place=place_of(use.site),
        cost_s=cost,
        cost_per_request_s=cost / len(use.single_write_counts),
        evidence=(
            Evidence("single-row writes per request", typical, "statements", n=len(many)),
            Evidence("their time in all", cost * 1e3, "ms", n=sum(use.single_write_counts)),
        ),
        sql=use.statement,
        statement_id=given[statement_shapes][use.statement].statement_id,
    )
