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
    """Return one finding per place and pair of tables, or per statement where no place is known."""
    shapes = given[statement_shapes]
    groups: dict[tuple[str, tuple[str, ...]], list[StatementShape]] = {}
    for statement, facts in given[parsed_statements].items():
        if facts.unjoined:
            site = most_frequent(shapes[statement].sites)
            known = site if place_of(site) is not None else statement
            groups.setdefault((known, facts.unjoined), []).append(shapes[statement])
    return [_finding(group, pair, given[counted_requests]) for (_, pair), group in groups.items()]


def _finding(
    group: Sequence[StatementShape], pair: tuple[str, ...], counted: CountedRequests
) -> Finding:
    shape = max(group, key=lambda one: one.wall_ns)
    costs: dict[str, float] = {}
    for one in group:
        for route, ns in one.route_wall_ns.items():
            costs[route] = costs.get(route, 0.0) + ns / 1e9
    severity = severity_of(costs, counted)
    known = sum(one.row_known_count for one in group)
    executions = sum(one.execution_count for one in group)
    cost = sum(costs.values())
    return Finding(
        audit=META.audit_id,
        key="×".join(pair),
        severity=Severity.WARNING if severity is Severity.NOTE else severity,
        title=f"{name_routes(tuple(costs))}: {pair[0]} and {pair[1]} are multiplied, not joined",
        routes=tuple(costs),
        detail=f"No condition names a column of {pair[0]} and one of {pair[1]} together.",
        place=place_of(most_frequent(shape.sites)),
        cost_s=cost,
        cost_per_request_s=cost / executions,
        evidence=(
            Evidence("executions", executions, "queries"),
            Evidence(
                "rows per execution",
                sum(one.row_count for one in group) / known if known else "unknown",
                "rows",
                n=known or None,
            ),
        ),
        sql=shape.statement,
        statement_id=shape.statement_id,
    )
