"""cartesian-product: two tables are multiplied, since nothing joins them.

## What it detects
Statements with two elements of one FROM that no condition connects.

## Why it matters
Every row of one is paired with every row of the other: ten thousand by a thousand are ten
million. Sums and counts over the pairs are wrong as well, and DISTINCT hides it.

## How it is detected
From the statement's text: elements of FROM are nodes, conditions that name columns of two of them
are edges. Elements that follow others (LATERAL, functions) and elements proven to be one row
(aggregates, a unique key compared with a parameter) need no edge.

## Known problems
A product on purpose, such as a calendar against all rooms, looks the same: allow it. Statements
whose columns cannot be assigned to a table are left alone.

## How to fix
Add the missing join condition.

## References
SQLAlchemy, "FROM linting".
"""

from collections.abc import Sequence

from flask_assay.artifacts.counted_requests import CountedRequests, counted_requests
from flask_assay.artifacts.parsed_statements import parsed_statements
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.statement_shapes import StatementShape, statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Severity

META = Meta(
    audit_id="cartesian-product",
    title="Every table in a FROM is joined",
    failure_title="Tables are multiplied for want of a join",
    needs=(counted_requests, statement_shapes, parsed_statements),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per statement."""
    shapes = given[statement_shapes]
    return [
        _finding(shapes[statement], facts.unjoined, given[counted_requests])
        for statement, facts in given[parsed_statements].items()
        if facts.unjoined
    ]


def _finding(shape: StatementShape, pair: tuple[str, ...], counted: CountedRequests) -> Finding:
    costs = {route: ns / 1e9 for route, ns in shape.route_wall_ns.items()}
    severity = severity_of(costs, counted)
    known = shape.row_known_count
    return Finding(
        audit=META.audit_id,
        key="×".join(pair),
        severity=Severity.WARNING if severity is Severity.NOTE else severity,
        title=f"{name_routes(tuple(costs))}: {pair[0]} and {pair[1]} are multiplied, not joined",
        routes=tuple(costs),
        detail=f"No condition names a column of {pair[0]} and one of {pair[1]} together.",
        place=place_of(most_frequent(shape.sites)),
        cost_s=shape.wall_ns / 1e9,
        cost_per_request_s=shape.wall_ns / 1e9 / shape.execution_count,
        evidence=(
            Evidence("executions", shape.execution_count, "queries"),
            Evidence(
                "rows per execution",
                shape.row_count / known if known else "unknown",
                "rows",
                n=known or None,
            ),
        ),
        sql=shape.statement,
        statement_id=shape.statement_id,
    )
