"""The diagnosis document: all that a report may know, as plain JSON-able data.

``Diagnosis`` holds numbers in seconds, bytes and counts. Renderers choose units.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.model.effect import CachePlan, Ladder, Trial
from flask_assay.model.finding import AuditResult, Finding

__all__ = [
    "SCHEMA_VERSION",
    "Diagnosis",
    "EndpointProfile",
    "FoldedStack",
    "GrowthCurve",
    "Profile",
    "ProfileFrame",
    "Reconciliation",
    "RequestTrace",
    "RouteSummary",
    "Series",
    "StatementSummary",
    "TraceSpan",
]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class RouteSummary:
    """One route in the steady state.

    Attributes:
        route: "GET /orders/<id>".
        endpoint: Flask endpoint name; empty for requests that met no view.
        request_count: Requests seen by the probe.
        error_count: Responses with status >= 500, or none at all.
        client_error_count: Responses with status 400..499.
        share_ratio: Share of all server time.
        mean_s: Mean server time.
        quantiles_s: Client response time at "p50", "p90", "p95", "p99", "max".
        quantile_low_s: Lower ends of their 95 % intervals (p50, p95).
        quantile_high_s: Upper ends of their 95 % intervals (p50, p95).
        histogram: (upper bound in seconds, count) with growing bounds.
        breakdown_s: Mean seconds per request by part: "app-cpu", "database", "cache",
            "external", "template", "pool-wait", "queueing", "unexplained".
        statements_mean: SQL statements per request.
        response_bytes_mean: Body bytes per response.
    """

    route: str
    endpoint: str
    request_count: int
    error_count: int
    client_error_count: int
    share_ratio: float
    mean_s: float
    quantiles_s: Mapping[str, float]
    quantile_low_s: Mapping[str, float]
    quantile_high_s: Mapping[str, float]
    histogram: tuple[tuple[float, int], ...]
    breakdown_s: Mapping[str, float]
    statements_mean: float
    response_bytes_mean: float


@dataclass(frozen=True, slots=True)
class StatementSummary:
    """One statement shape in the steady state.

    Attributes:
        statement_id: "q1", "q2" … in order of total time.
        sql: Shape, literals replaced by "?".
        execution_count: Executions seen by the probe.
        total_s: Their wall time together.
        mean_s: Per execution.
        rows_mean: Rows fetched or affected per execution; None if unknown.
        routes: Routes that ran it.
        sites: Call sites "file:line function", most frequent first.
        plan: EXPLAIN text lines with literals removed; empty if not explained.
    """

    statement_id: str
    sql: str
    execution_count: int
    total_s: float
    mean_s: float
    rows_mean: float | None
    routes: tuple[str, ...]
    sites: tuple[str, ...]
    plan: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TraceSpan:
    """One bar of a waterfall: offsets in seconds from the start of the request."""

    kind: str
    label: str
    start_s: float
    duration_s: float
    site: str = ""


@dataclass(frozen=True, slots=True)
class RequestTrace:
    """One request, span by span: the median and the slowest one of a route."""

    route: str
    which: str
    status: int
    duration_s: float
    cpu_s: float
    spans: tuple[TraceSpan, ...]
    left_out_count: int = 0


@dataclass(frozen=True, slots=True)
class Series:
    """Values over the run; ``t_s`` counts from the first request.

    Attributes:
        name: "requests_per_s", "p50_s", "p95_s", "p99_s", "errors_per_s", "users",
            "cpu_ratio:<process>", "rss_bytes:<process>", "connections" …
        t_s: Seconds since the first request.
        values: Same length; None where there is no value.
    """

    name: str
    t_s: tuple[float, ...]
    values: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class GrowthCurve:
    """How much work one route makes at several sizes of the data; counts per request.

    Attributes:
        route: "GET /orders".
        table_rows: Rows of all tables, one for each size, smallest first.
        blocks: Blocks of 8 KiB that PostgreSQL visited, at each size.
        rows: Rows that it sent or changed, at each size.
        statements: Statements, at each size.
        exponent: Of the blocks over the rows of all tables: 0 does not grow, 1 grows in step;
            None if it can not be told.
    """

    route: str
    table_rows: tuple[int, ...]
    blocks: tuple[float, ...]
    rows: tuple[float, ...]
    statements: tuple[float, ...]
    exponent: float | None = None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """One count, seen from two sides.

    Attributes:
        what: "requests" or "statements".
        left_name: "sent by the client", "seen by the probe" …
        left: Count on that side.
        right_name: The other side.
        right: Count there.
        explained: Known reasons and their counts.
        ok: Whether the sides agree once the explained counts are taken into account.
    """

    what: str
    left_name: str
    left: int
    right_name: str
    right: int
    explained: Mapping[str, int] = field(default_factory=dict)
    ok: bool = True


@dataclass(frozen=True, slots=True)
class ProfileFrame:
    """One frame of sampled stacks.

    Attributes:
        text: "shop/views.py:12 list_orders" for the user's code, the line being the one that ran;
            "package:function" for all other.
        kind: "user", "driver" (databases, caches, HTTP clients), "framework" (any other installed
            package), "python" (standard library) or "other" (put together to save space).
    """

    text: str
    kind: str


@dataclass(frozen=True, slots=True)
class FoldedStack:
    """One stack: indexes into ``Profile.frames``, outermost first, and the CPU seconds in it."""

    frames: tuple[int, ...]
    cpu_s: float


@dataclass(frozen=True, slots=True)
class EndpointProfile:
    """Where one endpoint used CPU.

    Attributes:
        endpoint: Flask's name for it; "(no route)" for what was answered without one,
            "(no endpoint)" for samples that could not be attributed.
        routes: Its routes.
        cpu_s: CPU over the whole run, warm-up included; its samples tell the shares.
        stacks: Heaviest first.
    """

    endpoint: str
    routes: tuple[str, ...]
    cpu_s: float
    stacks: tuple[FoldedStack, ...]


@dataclass(frozen=True, slots=True)
class Profile:
    """Sampled CPU stacks by endpoint; they explain, exact shares come from the threads' clocks.

    Attributes:
        sampler: "cpu-timer" (the kernel interrupts the main thread by its CPU time), "py-spy" (from
            outside) or "none"; "" if none was asked for.
        reason: Why there is none, or not the one that was asked for.
        interval_s: Between two samples.
        sample_count: Samples inside of requests.
        unattributed_ratio: Share of these samples that belong to no known endpoint.
        outside_ratio: Samples of serving threads between requests, over all samples.
        frames: What ``FoldedStack.frames`` point to.
        endpoints: By CPU, most first.
    """

    sampler: str = ""
    reason: str = ""
    interval_s: float = 0.0
    sample_count: int = 0
    unattributed_ratio: float = 0.0
    outside_ratio: float = 0.0
    frames: tuple[ProfileFrame, ...] = ()
    endpoints: tuple[EndpointProfile, ...] = ()


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """All findings, ranked, with what they stand on: the document every report renders.

    Attributes:
        schema_version: Of this document.
        run_id: Of the recording.
        app: What was run ("legacy_shop:create_app()").
        started_at: ISO 8601, UTC.
        status: "complete" or "partial".
        status_reason: Why it is partial.
        headline: The verdict in one sentence.
        verdict: "healthy", "problems", "failing" or "inconclusive".
        findings: Ranked, worst first.
        results: Every audit's outcome, findings included.
        trials: Every experiment, A/A included.
        routes: By share of server time.
        statements: By total time.
        traces: For the waterfall.
        series: Over time.
        reconciliations: Client = server = database.
        load: Users, model, phases and their seconds, request counts by phase.
        overhead: Probe cost and drops.
        environment: Versions that ran, settings of servers, machine.
        warnings: What makes the numbers less than they seem, in sentences.
        profile: Sampled CPU stacks by endpoint.
        ladders: Remedies one on top of the other, measured together.
        cache_plans: What caches of several lifetimes did with the load.
        growth: The work of routes at several sizes of the data, what grows most first.
    """

    schema_version: int
    run_id: str
    app: str
    started_at: str
    status: str
    status_reason: str
    headline: str
    verdict: str
    findings: tuple[Finding, ...]
    results: tuple[AuditResult, ...]
    trials: tuple[Trial, ...]
    routes: tuple[RouteSummary, ...]
    statements: tuple[StatementSummary, ...]
    traces: tuple[RequestTrace, ...]
    series: tuple[Series, ...]
    reconciliations: tuple[Reconciliation, ...]
    load: Mapping[str, object]
    overhead: Mapping[str, object]
    environment: Mapping[str, object]
    warnings: tuple[str, ...] = ()
    profile: Profile = field(default_factory=Profile)
    ladders: tuple[Ladder, ...] = ()
    cache_plans: tuple[CachePlan, ...] = ()
    growth: tuple[GrowthCurve, ...] = ()
