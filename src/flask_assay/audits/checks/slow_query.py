"""slow-query: a statement is dear by itself, for no reason that another audit names.

## What it detects
Statements that look at `ROWS_MIN` rows or more, take at least `MEAN_S` each, own at least
`SHARE_RATIO` of some route's time, and that no other finding names.

## Why it matters
It is where the time goes, even if nothing about it is plainly wrong: a join over much of a table,
a sum that is made anew for each request, a search that no index helps.

## How it is detected
Rows are counted in the plan, on the data as the load left them; on a busy machine every statement
is slow, and only the rows tell which is dear. The time is that of the load, as the app sees it.

## Known problems
Statements that are dear on few rows, by a function or a regular expression, are not found. What to
do about it, this audit does not know.

## How to fix
Read the plan. Ask for less, keep the result for a while, or prepare it: a column, a summary table
or a materialised view.

## References
PostgreSQL, "Using EXPLAIN"; M. Winand, "SQL Performance Explained".
"""

from collections.abc import Sequence

from flask_assay.artifacts.counted_requests import CountedRequests, counted_requests
from flask_assay.artifacts.places import key_of, place_of, shared_sites
from flask_assay.artifacts.query_plans import Scan, StatementPlan, query_plans
from flask_assay.artifacts.statement_shapes import StatementShape, statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding

ROWS_MIN = 5_000  # that the plan looks at
MEAN_S = 0.005
SHARE_RATIO = 0.2  # of some route's server time
EXECUTIONS_MIN = 5

META = Meta(
    audit_id="slow-query",
    title="No statement is dear by itself",
    failure_title="A statement is dear by itself",
    needs=(counted_requests, statement_shapes, query_plans),
    state=State.PREVIEW,
    is_fallback=True,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per statement."""
    counted = given[counted_requests]
    found = []
    for shape in given[statement_shapes].values():
        mean = shape.wall_ns / 1e9 / shape.execution_count
        plans = given[query_plans].get(shape.statement, ())
        rows = max((plan.rows_read for plan in plans), default=0.0)
        if shape.execution_count < EXECUTIONS_MIN or mean < MEAN_S or rows < ROWS_MIN:
            continue
        costs = _costs(shape, counted)
        if costs and shape.statement.lstrip("( ").upper().startswith(("SELECT", "WITH")):
            found.append(_finding(shape, costs, plans, counted))
    return found


def _costs(shape: StatementShape, counted: CountedRequests) -> dict[str, float]:
    """Return seconds by route, of the routes in which the statement owns a large share."""
    return {
        route: ns / 1e9
        for route, ns in sorted(shape.route_wall_ns.items(), key=lambda item: -item[1])
        if ns / 1e9 >= SHARE_RATIO * max(counted.route_s(route), 1e-9)
    }


def _finding(
    shape: StatementShape,
    costs: dict[str, float],
    plans: Sequence[StatementPlan],
    counted: CountedRequests,
) -> Finding:
    routes = tuple(costs)
    requests = sum(len(counted.by_route[route]) for route in routes)
    place = place_of(shared_sites({shape.statement: shape.sites})[shape.statement])
    mean = shape.wall_ns / 1e9 / shape.execution_count
    scan = max((scan for plan in plans for scan in plan.scans), key=lambda scan: scan.time_ratio)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, shape.statement[:80]),
        severity=severity_of(costs, counted),
        title=(
            f"{name_routes(routes)} {agree(routes, 'waits', 'wait')} {mean * 1e3:.0f} ms for one "
            "statement"
        ),
        routes=routes,
        detail=_where(scan),
        place=place,
        cost_s=sum(costs.values()),
        cost_per_request_s=sum(costs.values()) / requests,
        evidence=(
            Evidence("mean time of one execution", mean * 1e3, "ms", n=shape.execution_count),
            Evidence(
                "share of the route's time",
                max(cost / counted.route_s(route) for route, cost in costs.items()) * 100,
                "%",
            ),
        ),
        sql=shape.statement,
        statement_id=shape.statement_id,
    )


def _where(scan: Scan) -> str:
    return (
        f"Of the tables it visits, {scan.table} takes longest: {scan.time_ratio * 100:.0f} % of "
        f"the plan's time for {scan.rows_read:,.0f} rows ({scan.node_type})."
    )
