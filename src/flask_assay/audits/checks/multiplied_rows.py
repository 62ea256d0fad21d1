"""multiplied-rows: relationships that are joined in one statement multiply each other's rows.

## What it detects
Statements with at least `JOINS_MIN` outer joins that return `ROWS_MIN` rows or more on average, and
`RATIO` times as many as there are objects of any class made of them.

## Why it matters
Two collections that are loaded by a join are paired row by row: a parent with ten lines and ten
notes comes a hundred times, with all of its columns, and the ORM throws ninety of them away.

## How it is detected
Rows are those that the driver fetched under load; objects are counted in the learning pass.

## Known problems
A join over one relationship with very many links for each parent looks the same; to load it apart
is better there, too. Plain columns beside the objects, a sum for each month, may need every row.

## How to fix
Join at most one collection, and load the others apart: `selectinload(Parent.notes)` in the query,
or `lazy="selectin"` in the mapping.

## References
SQLAlchemy, "Relationship Loading Techniques", section "What Kind of Loading to Use?".
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from flask_assay.artifacts.attribute_reads import LoadedRows, attribute_reads
from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.parsed_statements import parsed_statements
from flask_assay.artifacts.places import key_of, place_of
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy

JOINS_MIN = 2  # one join pairs nothing
ROWS_MIN = 200  # per execution, on average; fewer take less than a millisecond to throw away
RATIO = 10  # rows for each object; one join of a list with ten links a parent stays below

META = Meta(
    audit_id="multiplied-rows",
    title="Joined relationships do not multiply each other",
    failure_title="Joined relationships multiply each other's rows",
    needs=(
        counted_requests,
        request_queries,
        attribute_reads,
        parsed_statements,
        statement_shapes,
    ),
    state=State.PREVIEW,
)


@dataclass(frozen=True, slots=True)
class _Product:
    """One statement of one route, and what became of its rows."""

    use: QueryUse
    objects: float
    relationships: tuple[str, ...]

    @property
    def needless_s(self) -> float:
        return self.use.wall_s * (1 - self.objects / (self.use.rows_mean or self.objects))


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per place."""
    groups: dict[str, list[_Product]] = {}
    for product in _products(given):
        groups.setdefault(product.use.site, []).append(product)
    return [_finding(group, given) for group in groups.values()]


def _products(given: Given) -> Iterator[_Product]:
    parsed, reads = given[parsed_statements], given[attribute_reads]
    for use in given[request_queries].values():
        facts, rows = parsed.get(use.statement), use.rows_mean or 0
        if facts is None or facts.outer_join_count < JOINS_MIN or facts.is_aggregate:
            continue
        made = [one for one in reads.groups if _is_made_by(one, use)]
        objects = max((one.per_request for one in made), default=0)
        if objects and rows >= max(ROWS_MIN, RATIO * objects):
            yield _Product(use, objects, _joined(made))


def _is_made_by(rows: LoadedRows, use: QueryUse) -> bool:
    is_here = rows.origin in use.sites or rows.origin in use.sampled
    return rows.kind != "lazy" and rows.route == use.route and is_here


def _joined(made: Sequence[LoadedRows]) -> tuple[str, ...]:
    """Return the relationships of the statement's own entities, most objects first."""
    own = [one for one in made if len(one.path) == 1]
    own.sort(key=lambda one: (-one.per_request, one.path))
    return tuple(dict.fromkeys(one.path[0] for one in own))


def _finding(group: list[_Product], given: Given) -> Finding:
    counted = given[counted_requests]
    worst = max(group, key=lambda one: one.use.wall_ns)
    costs: dict[str, float] = {}
    for one in group:
        costs[one.use.route] = costs.get(one.use.route, 0.0) + one.needless_s
    routes, cost = tuple(sorted(costs, key=lambda route: -costs[route])), sum(costs.values())
    place, rows = place_of(worst.use.site), worst.use.rows_mean or 0.0
    joined = (*worst.relationships[:3], "other tables")[: max(2, len(worst.relationships))]
    names = " and ".join(joined)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, worst.relationships[0] if worst.relationships else "rows"),
        severity=severity_of(costs, counted),
        title=(
            f"{name_routes(routes)} {agree(routes, 'fetches', 'fetch')} {rows:,.0f} rows for "
            f"{worst.objects:,.0f} objects"
        ),
        routes=routes,
        detail=(
            f"{names} are joined in one statement, so that the rows of each are repeated for "
            "those of the others. The time given is the statement's; what the ORM spends on rows "
            "that it knows already comes on top."
        ),
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / sum(len(counted.by_route[route]) for route in routes),
        evidence=(
            Evidence("rows per execution", rows, "rows", n=worst.use.execution_count),
            Evidence("most objects of one class", worst.objects, "objects per request"),
        ),
        sql=worst.use.statement,
        statement_id=given[statement_shapes][worst.use.statement].statement_id,
        remedies=_remedies(worst, counted.by_route[worst.use.route][0].endpoint),
    )


def _remedies(worst: _Product, endpoint: str) -> tuple[Remedy, ...]:
    if not worst.relationships:
        return ()
    options = ", ".join(f"selectinload({name})" for name in worst.relationships)
    return (
        Remedy(
            "eager-load",
            {
                "endpoint": endpoint,
                "relationship": worst.relationships[0],
                "relationships": list(worst.relationships),
                "site": worst.use.site,
            },
            f"Load {' and '.join(worst.relationships)} apart, each with one statement.",
            f"from sqlalchemy.orm import selectinload\n\nquery.options({options})\n",
        ),
    )
