"""unread-rows: rows are made into objects that nobody looks into.

## What it detects
A line that loads at least `ROWS_MIN` objects a request, of which no more than `READ_RATIO` have
any attribute read, set, copied or deleted.

## Why it matters
They are loaded to be counted, or to see whether there are any. The database can say that in one
row; as objects each row costs transport, memory and some 10 microseconds of Python.

## How it is detected
A learning pass repeats a few requests of each route with a sensor in SQLAlchemy's attributes.
Eager loads whose relationship is never used are `unused-eager-load`. Objects that a join brings
beside others that are read cost no rows of their own, and are left alone.

## Known problems
Values that code takes out of `__dict__` or by `vars()` are not seen: lines and models of files
that do so are left out. What an answer of another kind reads is seen only if it was repeated.

## How to fix
`select(func.count()).where(...)` for a number, `exists()` for a yes or no; `lazy="write_only"` or
a count query instead of `len(parent.children)`.

## References
SQLAlchemy, "ORM Querying Guide", section "count and exists".
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
from flask_assay.model.finding import Evidence, Finding

ROWS_MIN = 5  # objects per request
READ_RATIO = 0.05  # of the objects
ROWS_SERIOUS = 20  # objects per request

META = Meta(
    audit_id="unread-rows",
    title="Rows that are loaded are read",
    failure_title="Rows are loaded that nobody reads",
    needs=(counted_requests, attribute_reads, request_queries, statement_shapes),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per line and class."""
    groups: dict[tuple[str, str], list[LoadedRows]] = {}
    for rows in given[attribute_reads].groups:
        if not _is_unread(rows) or _is_beside(rows, given):
            continue
        if rows.kind != "eager" or _is_wanted(rows, given):
            groups.setdefault((rows.site, rows.entity), []).append(rows)
    return [_finding(group, given) for group in groups.values()]


def _is_unread(rows: LoadedRows) -> bool:
    few = rows.touched_count <= READ_RATIO * rows.instance_count
    return rows.is_certain and few and rows.per_request >= ROWS_MIN


def _is_beside(rows: LoadedRows, given: Given) -> bool:
    """Whether they came in the rows of other objects that are read: they cost no row more."""
    return rows.kind == "query" and any(
        other.kind == "query"
        and (other.route, other.site) == (rows.route, rows.site)
        and other.entity != rows.entity
        and other.instance_count >= rows.instance_count
        and not _is_unread(other)
        for other in given[attribute_reads].groups
    )


def _is_wanted(rows: LoadedRows, given: Given) -> bool:
    """Whether the relationship that loaded them eagerly was looked at."""
    name = rows.path[-1].rpartition(".")[2] if rows.path else ""
    parents = given[attribute_reads].parents_of(rows)
    return any(parent.relationships.get(name) for parent in parents)


def _finding(group: list[LoadedRows], given: Given) -> Finding:
    worst = max(group, key=lambda rows: rows.per_request)
    loading = loading_of(group, worst, given, is_serious=worst.per_request >= ROWS_SERIOUS)
    routes = loading.routes
    way = f" through {worst.path[-1]}" if worst.path else ""
    return Finding(
        audit=META.audit_id,
        key=key_of(loading.place, worst.entity),
        severity=loading.severity,
        title=(
            f"{name_routes(routes)} {agree(routes, 'loads', 'load')} {worst.per_request:,.0f} "
            f"{worst.entity} objects per request{way} and {agree(routes, 'reads', 'read')} none"
        ),
        routes=routes,
        detail=(
            "No attribute of theirs is read; they are counted at most. The time given is that of "
            "their statements; building the objects comes on top."
        ),
        place=loading.place,
        cost_s=loading.cost_s,
        cost_per_request_s=loading.cost_per_request_s,
        evidence=(
            Evidence(
                "objects per request", worst.per_request, "objects", n=worst.request_count
            ),
            Evidence(
                "of them read", worst.touched_count / worst.request_count, "objects",
                n=worst.request_count,
            ),
        ),
        sql=loading.sql,
        statement_id=loading.statement_id,
    )  # fmt: skip
