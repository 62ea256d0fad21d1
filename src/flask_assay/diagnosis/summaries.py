"""Routes and statements as the document holds them."""

from collections.abc import Mapping, Sequence

from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.route_latency import RouteLatency, route_latency
from flask_assay.artifacts.statement_shapes import StatementShape, statement_shapes
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.time_breakdown import time_breakdown
from flask_assay.artifacts.view import View
from flask_assay.model.document import RouteSummary, StatementSummary
from flask_assay.model.rows import SpanKind
from flask_assay.stats.histogram import growing_histogram
from flask_assay.stats.quantiles import quantile, quantile_interval

__all__ = ["route_summaries", "statement_summaries"]

_QUANTILES = {"p50": 0.5, "p90": 0.9, "p95": 0.95, "p99": 0.99, "max": 1.0}
_WITH_INTERVAL = ("p50", "p95")
_SITES_SHOWN = 5
_STATEMENTS_SHOWN = 200


def route_summaries(view: View) -> tuple[RouteSummary, ...]:
    """Return routes by share of server time."""
    breakdown = view[time_breakdown]
    statements = _statements_by_route(view)
    return tuple(
        _route(one, breakdown[one.route], statements.get(one.route, 0))
        for one in view[route_latency].values()
    )


def statement_summaries(view: View) -> tuple[StatementSummary, ...]:
    """Return statements by total time, the first 200."""
    plans = _plan_texts(view)
    shapes = list(view[statement_shapes].values())[:_STATEMENTS_SHOWN]
    return tuple(_statement(shape, plans.get(shape.statement, ())) for shape in shapes)


def _statements_by_route(view: View) -> dict[str, int]:
    found: dict[str, int] = {}
    for route, rows in view[steady_state].by_route.items():
        found[route] = sum(span.kind is SpanKind.QUERY for row in rows for span in row.spans)
    return found


def _route(one: RouteLatency, breakdown: Mapping[str, float], statements: int) -> RouteSummary:
    intervals = {
        name: quantile_interval(one.response_s, _QUANTILES[name]) for name in _WITH_INTERVAL
    }
    return RouteSummary(
        route=one.route,
        endpoint=one.endpoint,
        request_count=one.request_count,
        error_count=one.error_count,
        client_error_count=one.client_error_count,
        share_ratio=one.share_ratio,
        mean_s=one.mean_s,
        quantiles_s={name: quantile(one.response_s, at) for name, at in _QUANTILES.items()},
        quantile_low_s={name: found.low for name, found in intervals.items()},
        quantile_high_s={name: found.high for name, found in intervals.items()},
        histogram=growing_histogram(one.response_s),
        breakdown_s=dict(breakdown),
        statements_mean=statements / one.request_count,
        response_bytes_mean=one.body_bytes_mean,
    )


def _statement(shape: StatementShape, plan: Sequence[str]) -> StatementSummary:
    known = shape.row_known_count
    routes = sorted(shape.route_wall_ns, key=lambda route: -shape.route_wall_ns[route])
    return StatementSummary(
        statement_id=shape.statement_id,
        sql=shape.statement,
        execution_count=shape.execution_count,
        total_s=shape.wall_ns / 1e9,
        mean_s=shape.wall_ns / 1e9 / shape.execution_count,
        rows_mean=shape.row_count / known if known else None,
        routes=tuple(routes),
        sites=tuple(site for site, _ in shape.sites.most_common(_SITES_SHOWN) if place_of(site)),
        plan=tuple(plan),
    )


def _plan_texts(view: View) -> dict[str, tuple[str, ...]]:
    plans = view.recording.document("plans").get("plans")
    found: dict[str, tuple[str, ...]] = {}
    for plan in plans if isinstance(plans, list) else []:
        text = plan.get("text") if isinstance(plan, dict) else None
        if isinstance(text, list):
            found.setdefault(str(plan.get("statement", "")), tuple(str(line) for line in text))
    return found
