"""Waterfalls: the median and the slowest request of each route."""

from collections.abc import Mapping

from flask_assay.artifacts.route_latency import route_latency
from flask_assay.artifacts.statement_shapes import StatementShape, statement_shapes
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View
from flask_assay.model.document import RequestTrace, TraceSpan
from flask_assay.model.rows import NO_USER_FRAME, RequestRow, Span, SpanKind

__all__ = ["traces_of"]

_ROUTES_SHOWN = 40
_SPANS_SHOWN = 120
_LABEL_MAX = 160


def traces_of(view: View) -> tuple[RequestTrace, ...]:
    """Return two traces per route, routes by share of server time."""
    steady, shapes = view[steady_state], view[statement_shapes]
    found = []
    latencies = view[route_latency]
    for route in list(latencies)[:_ROUTES_SHOWN]:
        rows = sorted(steady.by_route[route], key=lambda row: row.wall_ns)
        found.append(_trace(rows[(len(rows) - 1) // 2], "median", shapes))
        if len(rows) > 1:
            found.append(_trace(rows[-1], "slowest", shapes))
    return tuple(found)


def _trace(row: RequestRow, which: str, shapes: Mapping[str, StatementShape]) -> RequestTrace:
    by_start = sorted(row.spans, key=lambda span: (span.start_ns, -span.wall_ns))
    shown = by_start[:_SPANS_SHOWN]
    return RequestTrace(
        route=row.route,
        which=which,
        status=row.status,
        duration_s=row.wall_ns / 1e9,
        cpu_s=row.cpu_ns / 1e9,
        spans=tuple(_span(span, row.start_ns, shapes) for span in shown),
        left_out_count=len(by_start) - len(shown) + row.dropped_count,
    )


def _span(span: Span, origin: int, shapes: Mapping[str, StatementShape]) -> TraceSpan:
    label = span.name
    if span.kind is SpanKind.QUERY and span.name in shapes:
        label = f"{shapes[span.name].statement_id} {span.name}"
    elif span.detail:
        label = f"{span.name} {span.detail}".strip()
    return TraceSpan(
        kind=span.kind.name.lower().replace("_", "-"),
        label=label[:_LABEL_MAX],
        start_s=(span.start_ns - origin) / 1e9,
        duration_s=span.wall_ns / 1e9,
        site="" if span.site == NO_USER_FRAME else span.site,
    )
