"""unused-eager-load: a relationship is loaded together with its rows, and then never looked at.

## What it detects
Relationships that a loader option or the mapping loads eagerly for at least `PARENTS_MIN` objects,
bringing at least `ROWS_MIN` rows a request, and that are read on no more than `READ_RATIO` of them.

## Why it matters
It is the mirror image of N+1: a statement and its rows for nothing, often left behind when the
code that needed them went.

## How it is detected
A learning pass repeats a few requests of each route with a sensor in SQLAlchemy's attributes. What
a further relationship loads below an unused one is part of the same finding.

## Known problems
A branch of the view that no repeated request took may read it. Values that code takes out of
`__dict__` are not seen: files that do so are left out.

## How to fix
Remove the option from this query; where the mapping loads it (`lazy="joined"`), make that `select`
and ask for it where it is needed.

## References
SQLAlchemy, "Relationship Loading Techniques".
"""

from collections.abc import Sequence

from flask_assay.artifacts.attribute_reads import AttributeReads, LoadedRows, attribute_reads
from flask_assay.artifacts.places import key_of, place_of
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

PARENTS_MIN = 5
ROWS_MIN = 5  # per request
READ_RATIO = 0.05  # of the parents
ROWS_SERIOUS = 20  # per request

META = Meta(
    audit_id="unused-eager-load",
    title="What is loaded eagerly is used",
    failure_title="Relationships are loaded eagerly and never used",
    needs=(steady_state, attribute_reads),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per line and relationship."""
    reads = given[attribute_reads]
    unused = [rows for rows in reads.groups if _is_unused(rows, reads)]
    ways = {(rows.route, rows.origin, rows.path) for rows in unused}
    groups: dict[tuple[str, str], list[LoadedRows]] = {}
    for rows in unused:
        above = {(rows.route, rows.origin, rows.path[:k]) for k in range(1, len(rows.path))}
        if not above & ways:
            groups.setdefault((rows.site, rows.path[-1]), []).append(rows)
    return [_finding(group, given) for group in groups.values()]


def _is_unused(rows: LoadedRows, reads: AttributeReads) -> bool:
    if rows.kind != "eager" or not rows.path or not rows.is_certain:
        return False
    name = rows.path[-1].rpartition(".")[2]
    parents = reads.parents_of(rows)
    count = sum(parent.instance_count for parent in parents)
    read = sum(parent.relationships.get(name, 0) for parent in parents)
    return (
        count >= PARENTS_MIN
        and rows.per_request >= ROWS_MIN
        and read <= READ_RATIO * count
        and rows.touched_count <= READ_RATIO * rows.instance_count
    )


def _finding(group: list[LoadedRows], given: Given) -> Finding:
    steady = given[steady_state]
    worst = max(group, key=lambda rows: rows.per_request)
    routes = tuple(dict.fromkeys(rows.route for rows in group))
    place, relationship = place_of(worst.site), worst.path[-1]
    endpoints = sorted(
        {steady.by_route[route][0].endpoint for route in routes if route in steady.by_route}
    )
    return Finding(
        audit=META.audit_id,
        key=key_of(place, relationship),
        severity=Severity.WARNING if worst.per_request >= ROWS_SERIOUS else Severity.NOTE,
        title=(
            f"{name_routes(routes)} {agree(routes, 'loads', 'load')} {relationship} eagerly, "
            f"{worst.per_request:,.0f} rows per request, and never "
            f"{agree(routes, 'reads', 'read')} it"
        ),
        routes=routes,
        detail="The rows come with every request; no object of them is looked into.",
        place=place,
        evidence=(
            Evidence("rows per request", worst.per_request, "rows", n=worst.request_count),
            Evidence("objects that have it", _parents(worst, given), "objects"),
        ),
        remedies=tuple(
            Remedy(
                "skip-eager-load",
                {"endpoint": endpoint, "relationship": relationship, "site": worst.site},
                f"Do not load {relationship} here.",
                f"from sqlalchemy.orm import lazyload\n\nquery.options(lazyload({relationship}))\n",
            )
            for endpoint in endpoints
        ),
    )


def _parents(rows: LoadedRows, given: Given) -> int:
    return sum(one.instance_count for one in given[attribute_reads].parents_of(rows))
