"""time-breakdown: where a route's time goes, with what nobody can explain always in it."""

from collections.abc import Mapping

from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.cpu import mean_cpu_ns
from flask_assay.model.rows import RequestRow, Span, SpanKind

__all__ = ["PARTS", "self_times", "time_breakdown"]

PARTS = (
    "queueing",
    "pool-wait",
    "database",
    "cache",
    "external",
    "template",
    "app-cpu",
    "unexplained",
)

_PART_OF = {
    SpanKind.QUERY: "database",
    SpanKind.BEGIN: "database",
    SpanKind.COMMIT: "database",
    SpanKind.ROLLBACK: "database",
    SpanKind.SAVEPOINT: "database",
    SpanKind.CONNECT: "pool-wait",
    SpanKind.POOL_WAIT: "pool-wait",
    SpanKind.CACHE: "cache",
    SpanKind.HTTP: "external",
    SpanKind.MAIL: "external",
    SpanKind.TEMPLATE: "template",
    SpanKind.COMPILE: "template",
}


@artifact("time-breakdown")
def time_breakdown(view: View) -> Mapping[str, Mapping[str, float]]:
    """Return the mean seconds per request of each part, by route.

    Spans are laid into one another, so that a query inside a template counts once. Rendering
    is taken to be CPU; what is left of the thread's CPU is the app's. "unexplained" is the
    rest of the server time: the interpreter lock, the scheduler, waits that no sensor sees.
    """
    steady = view[steady_state]
    found = {}
    for route, rows in steady.by_route.items():
        totals = dict.fromkeys(PARTS, 0.0)
        joined_count = 0
        typical_ns = mean_cpu_ns(rows)
        for row in rows:
            joined_count += _add(row, row.cpu_ns or typical_ns, totals, steady)
        queueing = totals["queueing"] / joined_count if joined_count else 0.0
        found[route] = {part: ns / len(rows) / 1e9 for part, ns in totals.items()}
        found[route]["queueing"] = queueing / 1e9
    return found


def self_times(spans: tuple[Span, ...]) -> dict[str, int]:
    """Return nanoseconds by part, each span without those inside it.

    Spans come in the order of their end, so a span's children are those before it that
    started after it.
    """
    parts: dict[str, int] = {}
    open_spans: list[tuple[int, int]] = []
    for span in spans:
        part = _PART_OF.get(span.kind)
        if part is None:
            continue
        inner = 0
        while open_spans and open_spans[-1][0] >= span.start_ns:
            inner += open_spans.pop()[1]
        open_spans.append((span.start_ns, span.wall_ns))
        parts[part] = parts.get(part, 0) + max(0, span.wall_ns - inner)
    return parts


def _add(row: RequestRow, cpu_ns: float, totals: dict[str, float], steady: SteadyState) -> int:
    """Add one request to the totals; return 1 if its queueing time is known."""
    parts = self_times(row.spans) if row.spans else {}
    for part, wall_ns in parts.items():
        totals[part] += wall_ns
    rest = max(0, row.wall_ns - sum(parts.values()))
    cpu = min(rest, max(0, cpu_ns - parts.get("template", 0)))
    totals["app-cpu"] += cpu
    totals["unexplained"] += rest - cpu
    client = steady.client_by_id.get(row.request_id) if row.request_id else None
    if client is None or client.exchange_count != 1:
        return 0
    totals["queueing"] += max(0, client.wall_ns - row.wall_ns)
    return 1
