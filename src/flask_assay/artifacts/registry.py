"""Every artifact, one line each."""

from typing import Any

from flask_assay.artifacts.attribute_reads import attribute_reads, lazy_load_origins
from flask_assay.artifacts.cache_calls import cache_calls
from flask_assay.artifacts.call_sites import call_sites
from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.coverage import coverage
from flask_assay.artifacts.endpoint_cpu import endpoint_cpu, endpoint_stacks
from flask_assay.artifacts.external_calls import external_calls
from flask_assay.artifacts.failures import failures
from flask_assay.artifacts.growing_containers import growing_containers
from flask_assay.artifacts.lock_waits import lock_waits
from flask_assay.artifacts.parsed_statements import parsed_statements
from flask_assay.artifacts.pool_timeline import pool_timeline
from flask_assay.artifacts.query_plans import query_plans
from flask_assay.artifacts.request_queries import request_queries
from flask_assay.artifacts.request_trace import request_trace
from flask_assay.artifacts.route_latency import route_latency
from flask_assay.artifacts.settings import settings, view_places
from flask_assay.artifacts.shared_places import shared_places
from flask_assay.artifacts.size_series import size_series
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.table_statistics import table_statistics
from flask_assay.artifacts.template_renders import template_renders
from flask_assay.artifacts.time_breakdown import time_breakdown
from flask_assay.artifacts.transaction_timeline import transaction_timeline
from flask_assay.artifacts.unreturned_connections import unreturned_connections
from flask_assay.artifacts.view import Artifact
from flask_assay.artifacts.worker_timeline import worker_timeline

__all__ = ["ARTIFACTS"]

ARTIFACTS: tuple[Artifact[Any], ...] = (
    steady_state,
    counted_requests,
    route_latency,
    time_breakdown,
    statement_shapes,
    request_queries,
    call_sites,
    shared_places,
    parsed_statements,
    query_plans,
    table_statistics,
    pool_timeline,
    lock_waits,
    transaction_timeline,
    unreturned_connections,
    external_calls,
    cache_calls,
    template_renders,
    endpoint_cpu,
    endpoint_stacks,
    request_trace,
    worker_timeline,
    settings,
    view_places,
    coverage,
    attribute_reads,
    lazy_load_origins,
    failures,
    growing_containers,
    size_series,
)
