"""unread-columns: wide columns travel with every row, and nobody reads them.

## What it detects
Columns of at least `WIDTH_MIN` bytes on average, together at least `BYTES_MIN` a request, that are
loaded with objects and read on no more than `READ_RATIO` of them.

## Why it matters
A list that shows titles and carries the texts reads, sends and keeps many times what it needs;
wide values even lie in a place of their own that each row must visit.

## How it is detected
A learning pass repeats a few requests of each route with a sensor in SQLAlchemy's attributes.
Rows of which nothing at all is read are `unread-rows`.

## Known problems
Only objects of the ORM are watched, not the columns of plain rows. Values that code takes out of
`__dict__` or by `vars()` are not seen: lines and models of files that do so are left out.

## How to fix
`load_only(...)` or `defer(...)` in the query of the list; `deferred()` in the model where most
readers do not want the column.

## References
SQLAlchemy, "Column Loading Options"; PostgreSQL, "TOAST".
"""

from collections.abc import Sequence

from flask_assay.artifacts.attribute_reads import LoadedRows, attribute_reads
from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.places import key_of
from flask_assay.artifacts.request_queries import request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.loaded_rows import loading_of
from flask_assay.audits.weighing import agree, name_routes
from flask_assay.model.finding import Evidence, Finding, Remedy

WIDTH_MIN = 200  # bytes per row, on average
BYTES_MIN = 10_000  # per request
READ_RATIO = 0.05  # of the objects
BYTES_SERIOUS = 50_000  # per request

META = Meta(
    audit_id="unread-columns",
    title="Wide columns that are loaded are read",
    failure_title="Wide columns are loaded that nobody reads",
    needs=(counted_requests, attribute_reads, request_queries, statement_shapes),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per line and class."""
    groups: dict[tuple[str, str], list[LoadedRows]] = {}
    for rows in given[attribute_reads].groups:
        is_read = rows.touched_count > READ_RATIO * rows.instance_count
        if rows.is_certain and is_read and _bytes(rows) >= BYTES_MIN:
            groups.setdefault((rows.site, rows.entity), []).append(rows)
    return [_finding(group, given) for group in groups.values()]


def _unread(rows: LoadedRows) -> list[str]:
    return [
        name
        for name, column in rows.columns.items()
        if column.bytes >= WIDTH_MIN * column.loaded_count
        and column.read_count <= READ_RATIO * column.loaded_count
    ]


def _bytes(rows: LoadedRows) -> float:
    """Return the bytes per request of the columns that nobody reads."""
    return sum(rows.columns[name].bytes for name in _unread(rows)) / max(1, rows.request_count)


def _finding(group: list[LoadedRows], given: Given) -> Finding:
    worst = max(group, key=_bytes)
    names, size = _unread(worst), _bytes(worst)
    loading = loading_of(group, worst, given, is_serious=size >= BYTES_SERIOUS)
    routes = loading.routes
    columns = ", ".join(f"{worst.entity}.{name}" for name in names)
    return Finding(
        audit=META.audit_id,
        key=key_of(loading.place, worst.entity),
        severity=loading.severity,
        title=(
            f"{name_routes(routes)} {agree(routes, 'loads', 'load')} {columns} with "
            f"{worst.per_request:,.0f} rows and {agree(routes, 'reads', 'read')} nothing of it"
        ),
        routes=routes,
        detail=(
            "The time given is that of the whole statement; what these columns cost of it, only "
            "a trial can tell."
        ),
        place=loading.place,
        cost_s=loading.cost_s,
        cost_per_request_s=loading.cost_per_request_s,
        evidence=(
            Evidence("loaded and not read", size, "bytes per request", n=worst.request_count),
            Evidence("rows per request", worst.per_request, "rows", n=worst.request_count),
        ),
        sql=loading.sql,
        statement_id=loading.statement_id,
        remedies=_remedies(group, given, names),
    )


def _remedies(group: list[LoadedRows], given: Given, names: list[str]) -> tuple[Remedy, ...]:
    counted = given[counted_requests]
    endpoints = sorted(
        {
            counted.by_route[rows.route][0].endpoint
            for rows in group
            if rows.route in counted.by_route and rows.kind == "query"
        }
    )
    entity = group[0].entity
    deferred = ", ".join(f"defer({entity}.{name})" for name in names)
    return tuple(
        Remedy(
            "defer-columns",
            {
                "endpoint": endpoint,
                "entity": entity,
                "columns": names,
                "site": group[0].site,
            },
            f"Leave {' and '.join(names)} of {entity} in the database.",
            f"from sqlalchemy.orm import defer\n\nquery.options({deferred})\n",
        )
        for endpoint in endpoints
    )
