"""growth-with-data: a request works more for every row that the tables get.

## What it detects
Routes whose rows or blocks per request grow like the data, with an exponent of at least
`EXPONENT_MIN`, and come to at least `ROWS_MIN` rows or `BLOCKS_MIN` blocks of 8 KiB. Beside the
statement that grows most, others of the route that do so by themselves are told of.

## Why it matters
It is fast today and slow in a year, without a change to the code. Where the exponent is 1, twice
the customers make each request twice as dear.

## How it is detected
The same requests are sent on a quarter, on half and on all of the data, and PostgreSQL's own
counters are read. Counts are exact: no time is taken, and a noisy machine changes nothing. Where
another finding names the statement that grows, such as an index that is missing, that one stands.

## Known problems
The number of children for each parent stays as it is, so lists that grow with one customer's
history are not seen. Routes that the smaller data can not answer, such as those behind a login
whose session stands in the database, are left out and named in `growth.json`.

## How to fix
Give the result a limit, the filter an index, and the sum a table of its own that is kept up to
date; ask for pages by key.

## References
S. Goldsmith, A. Aiken, D. Wilkerson, "Measuring Empirical Computational Complexity", 2007.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.places import key_of, most_frequent, place_of
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.size_series import size_series
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Severity
from flask_assay.model.growth import Growth, RouteGrowth, StatementGrowth
from flask_assay.stats.slope import growth_exponent

EXPONENT_MIN = 0.8
ROWS_MIN = 200  # per request, at the full size
BLOCKS_MIN = 200
SERIOUS = 5  # times these

META = Meta(
    audit_id="growth-with-data",
    title="The work of a request does not grow with the tables",
    failure_title="The work of a request grows with the tables",
    needs=(counted_requests, size_series, request_queries, statement_shapes),
    state=State.PREVIEW,
    is_fallback=True,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    growth = given[size_series]
    sizes = [size.row_count for size in growth.sizes]
    found = []
    for route in growth.routes:
        exponent = _largest_exponent(
            sizes,
            [point.row_count for point in route.points],
            [point.block_count for point in route.points],
        )
        if exponent < EXPONENT_MIN:
            continue
        cause = _cause(route)
        found.append(_finding(route, cause, exponent, growth, given))
        for one in route.statements:
            own = _largest_exponent(sizes, one.row_counts, one.block_counts)
            if one is not cause and own >= EXPONENT_MIN:
                found.append(_finding(_alone(route, one), one, own, growth, given))
    return found


def _largest_exponent(
    sizes: Sequence[int], rows: Sequence[float], blocks: Sequence[float]
) -> float:
    """Return the larger one of what grows to an amount that matters."""
    return max(
        _exponent(sizes, rows) if rows and rows[-1] >= ROWS_MIN else 0.0,
        _exponent(sizes, blocks) if blocks and blocks[-1] >= BLOCKS_MIN else 0.0,
    )


def _alone(route: RouteGrowth, statement: StatementGrowth) -> RouteGrowth:
    """Return the route as if it sent this statement only."""
    counts = zip(route.points, statement.row_counts, statement.block_counts, strict=True)
    points = (replace(point, row_count=rows, block_count=blocks) for point, rows, blocks in counts)
    return replace(route, points=tuple(points))


def _exponent(sizes: Sequence[int], counts: Sequence[float]) -> float:
    """Return the exponent, 0 if it can not be told or the counts go up and down."""
    if len(sizes) != len(counts) or len(set(sizes)) < 3 or min(counts) <= 0:
        return 0.0
    if list(counts) != sorted(counts):
        return 0.0
    return growth_exponent(sizes, counts).point


def _finding(
    route: RouteGrowth,
    statement: StatementGrowth | None,
    exponent: float,
    growth: Growth,
    given: Given,
) -> Finding:
    first, last = route.points[0], route.points[-1]
    uses = [
        use
        for (one, shape, _), use in given[request_queries].items()
        if statement is not None and one == route.route and shape == statement.statement
    ]
    place = place_of(_site(uses))
    shape = uses[0].statement if uses else ""
    is_serious = last.row_count >= SERIOUS * ROWS_MIN or last.block_count >= SERIOUS * BLOCKS_MIN
    total = growth.sizes[-1].row_count / max(1, growth.sizes[0].row_count)
    return Finding(
        audit=META.audit_id,
        key=key_of(place, route.route),
        severity=Severity.WARNING if is_serious else Severity.NOTE,
        title=f"{route.route} works in step with the data: exponent {exponent:.2f}",
        routes=(route.route,),
        detail=(
            f"On {total:.1f} times the rows, the same requests read "
            f"{_times(first.block_count, last.block_count)} blocks and got "
            f"{_times(first.row_count, last.row_count)} rows."
        ),
        place=place,
        evidence=(
            Evidence("exponent", round(exponent, 2), n=len(route.points)),
            *_series("blocks", {p.scale: p.block_count for p in route.points}, last.request_count),
            *_series("rows", {p.scale: p.row_count for p in route.points}, last.request_count),
        ),
        sql=shape or (statement.statement if statement is not None else ""),
        statement_id=given[statement_shapes][shape].statement_id if shape else "",
    )


def _cause(route: RouteGrowth) -> StatementGrowth | None:
    """Return the statement whose blocks and rows grew most."""
    grown = [
        (one.block_counts[-1] - one.block_counts[0] + one.row_counts[-1] - one.row_counts[0], one)
        for one in route.statements
        if one.block_counts and one.row_counts
    ]
    return max(grown, key=lambda pair: pair[0])[1] if grown else None


def _site(uses: Sequence[QueryUse]) -> str:
    for use in uses:
        if place_of(use.site) is not None:
            return use.site
    return most_frequent(uses[0].sampled) if uses else ""


def _times(before: float, after: float) -> str:
    return f"{after / before:.1f} times the" if before else f"{after:.0f}"


def _series(what: str, counts: Mapping[float, float], n: int) -> tuple[Evidence, ...]:
    return tuple(
        Evidence(f"{what} per request at scale {scale:g}", round(count, 1), what, n=n)
        for scale, count in counts.items()
    )
