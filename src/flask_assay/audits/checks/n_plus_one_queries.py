"""n-plus-one-queries: a request runs one statement again for every row of another.

## What it detects
A statement that runs at least `LOOP_MIN` times in a request with different parameters, where the
number of executions follows the number of rows: lazy loads in a view, a serialiser or a template,
counts in a loop, `get` in a loop, plain SQL in a loop.

## Why it matters
Each execution costs a round trip, the driver and the ORM, whether or not the row is small. The
page that is fine with ten rows on a laptop takes seconds with the rows of the third year.

## How it is detected
Executions are counted by statement and request; times play no part in the verdict. The count must
grow with rows: it equals or follows the rows of an earlier statement of the same request, or
differs between requests, or a relationship loaded it. Executions with equal parameters count once;
they belong to `duplicate-queries`. Relationships are counted apart, also where they send the same
statement; what a loaded collection loads by subqueries of its own belongs to it. Where no frame of
the user's code is on the stack, the place is that of the statement that loaded the rows: as a
learning pass saw it, else by their number. Statements that fetch a list of keys or a slice (`IN
(?)` alone, `OFFSET`, keyset pages) are batches and never count.

## Known problems
A loop whose length is the same in every request and equals no other statement's rows is taken
for a fixed set of queries. The time given is the statements' own; what the ORM spends around
them comes on top.

## How to fix
Load the relation with the rows: `selectinload(Parent.children)` in the query at the root, or one
query with `IN`, `GROUP BY` or a join instead of the loop. A `dynamic` relationship can not be
loaded so: make it `select` or `write_only`, or ask for the rows of all parents with one `IN`.

## References
SQLAlchemy, "Relationship Loading Techniques"; M. Fowler, "Patterns of Enterprise Application
Architecture", Lazy Load, 2002.
"""

import re
import statistics
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from flask_assay.artifacts.attribute_reads import lazy_load_origins
from flask_assay.artifacts.call_sites import call_sites
from flask_assay.artifacts.counted_requests import CountedRequests, counted_requests
from flask_assay.artifacts.places import key_of, most_frequent, place_of
from flask_assay.artifacts.request_queries import DISTINCT_MIN, QueryUse, Source, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta
from flask_assay.audits.weighing import name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy
from flask_assay.model.rows import EXPIRED

LOOP_MIN = DISTINCT_MIN  # executions with different parameters in one request
LOOP_REQUESTS_RATIO = 0.1  # of a route's requests must loop
SOURCE_REQUESTS_RATIO = 0.8  # of the looping requests must have run the source before
FOLLOWS_RATIO = 0.3  # a loop over unique keys of n rows runs at least this share of n
VARIES_RATIO = 0.2  # spread of the counts, as a share of their median
ROWS_PER_EXECUTION_MAX = 200  # a slice of a large result fetches more

META = Meta(
    audit_id="n-plus-one-queries",
    title="No statement runs once per row",
    failure_title="Statements run once per row",
    needs=(counted_requests, request_queries, call_sites, statement_shapes, lazy_load_origins),
)

_NO_FRAME = (
    " It runs after your code returned, as in a serialiser; the place is where its rows were "
    "loaded."
)
_CATALOG = re.compile(r"\b(pg_catalog|information_schema|pg_class|pg_attribute)\b", re.IGNORECASE)
_COUNTS = re.compile(r"\s*SELECT\s+count\(", re.IGNORECASE)
_PARAMETER_EQUALS = re.compile(r"(?<![<>!])=\s*\?|\?\s*=")
_SLICE = re.compile(r"\bOFFSET\b|(?:[<>]=?\s*\?.*\bLIMIT\b)", re.IGNORECASE | re.DOTALL)


@dataclass(slots=True)
class _Loop:
    """Uses of one statement at one place, over routes."""

    site: str
    detail: str
    statement: str
    is_loader: bool
    uses: list[QueryUse] = field(default_factory=list)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per statement and place."""
    counted = given[counted_requests]
    loops: dict[tuple[str, str, str], _Loop] = {}
    for (route, statement, detail), use in given[request_queries].items():
        if not _is_loop(use, counted.served_counts[route]):
            continue
        site, is_loader = _origin(use, given)
        loop = loops.setdefault(
            (site, detail, statement), _Loop(site, detail, statement, is_loader)
        )
        loop.uses.append(use)
    shapes = given[statement_shapes]
    return [
        _finding(loop, counted, shapes[loop.statement].statement_id)
        for loop in loops.values()
        if not any(_brings(other, loop) for other in loops.values())
    ]


def _brings(lazy: _Loop, other: _Loop) -> bool:
    """Whether a lazy load brings another loop with it: its rows' own eager loads by subquery."""
    if not lazy.detail or other.detail or not _routes(other) <= _routes(lazy):
        return False
    rows = lazy.statement.partition(" FROM ")[2].partition(" ORDER BY ")[0]
    return bool(rows) and f" FROM {rows}" in other.statement.partition("(SELECT ")[2]


def _routes(loop: _Loop) -> set[str]:
    return {use.route for use in loop.uses}


def _is_loop(use: QueryUse, served_count: int) -> bool:
    if use.detail.endswith(EXPIRED):  # of `expired-reload`
        return False
    if len(use.loop_counts) < max(1, LOOP_REQUESTS_RATIO * served_count):
        return False
    if _CATALOG.search(use.statement):  # reflection: the tables are few and fixed
        return False
    if not _PARAMETER_EQUALS.search(use.statement) or _SLICE.search(use.statement):
        return False
    if use.detail:  # a relationship of each object, however many rows it has
        return True
    return (use.rows_mean or 0) <= ROWS_PER_EXECUTION_MAX and _grows(use)


def _grows(use: QueryUse) -> bool:
    """Return whether the count follows the rows of another statement, or differs by request."""
    varies = max(use.loop_counts) - min(use.loop_counts) >= max(
        2, VARIES_RATIO * statistics.median(use.loop_counts)
    )
    return varies or _source(use) is not None


def _source(use: QueryUse) -> str | None:
    """Return the earlier statement whose rows the loop runs over.

    Of two that give as many rows it is the one that ran less often: the other is in the loop.
    """
    needed = SOURCE_REQUESTS_RATIO * len(use.loop_counts)
    found = [
        (-_closeness(source), source.execution_count / source.request_count, statement)
        for statement, source in use.loop_sources.items()
        if source.request_count >= needed and _closeness(source) >= FOLLOWS_RATIO
    ]
    return min(found)[-1] if found else None


def _closeness(source: Source) -> float:
    return statistics.fmean(count / rows for rows, count in source.pairs)


def _origin(use: QueryUse, given: Given) -> tuple[str, bool]:
    """Return the loop's place and whether it is only where its rows were loaded."""
    if place_of(use.loop_site) is not None:
        return use.loop_site, False
    learned = given[lazy_load_origins].get((use.route, use.detail), Counter())
    known: Counter[str] = Counter({site: n for site, n in learned.items() if place_of(site)})
    if known:
        return most_frequent(known), True
    source = _source(use)
    loaders: Counter[str] = Counter()
    for (route, statement, _), sites in given[call_sites].items():
        if route == use.route and statement == source:
            loaders.update({site: count for site, count in sites.items() if place_of(site)})
    return most_frequent(loaders), True


def _finding(loop: _Loop, counted: CountedRequests, statement_id: str) -> Finding:
    uses = sorted(loop.uses, key=lambda use: -use.loop_wall_ns)
    costs = {use.route: use.loop_wall_ns / 1e9 for use in uses}
    routes = tuple(costs)
    counts = [count for use in uses for count in use.loop_counts]
    place = place_of(loop.site)
    typical = statistics.median(counts)
    verb = "counted" if _COUNTS.match(loop.statement) else "queried"
    what = f"{loop.detail} is loaded" if loop.detail else f"{_tables(loop.statement)} is {verb}"
    return Finding(
        audit=META.audit_id,
        key=key_of(place, loop.detail or _tables(loop.statement)),
        severity=severity_of(costs, counted),
        title=f"{name_routes(routes)}: {what} once per row, {typical:.0f} times per request",
        routes=routes,
        detail=_detail(uses[0]) + (_NO_FRAME if loop.is_loader and place else ""),
        place=place,
        cost_s=sum(costs.values()),
        cost_per_request_s=sum(costs.values()) / len(counts),
        evidence=_evidence(uses, counts),
        sql=loop.statement,
        statement_id=statement_id,
        remedies=_remedies(loop, uses, counted.by_route),
    )


def _tables(statement: str) -> str:
    names = Counter(re.findall(r"\bFROM\s+([\w.\"]+)", statement, re.IGNORECASE))
    return most_frequent(names).replace('"', "") or "statement"


def _detail(use: QueryUse) -> str:
    source = _source(use)
    if source is None:
        return "The number of executions differs from request to request, as rows do."
    rows = statistics.median(rows for rows, _ in use.loop_sources[source].pairs)
    return (
        f"An earlier statement of the same request gives {rows:,.0f} rows (median), and this one "
        f"runs for each of them: {source[:200]}"
    )


def _evidence(uses: Sequence[QueryUse], counts: Sequence[int]) -> tuple[Evidence, ...]:
    executions = sum(use.execution_count for use in uses)
    mean_ms = sum(use.wall_ns for use in uses) / executions / 1e6
    return (
        Evidence(
            "executions per request, different parameters",
            float(statistics.median(counts)),
            "statements",
            n=len(counts),
            low=float(min(counts)),
            high=float(max(counts)),
        ),
        Evidence("mean time of one execution", round(mean_ms, 3), "ms", n=executions),
    )


def _remedies(
    loop: _Loop, uses: Sequence[QueryUse], by_route: Mapping[str, tuple[object, ...]]
) -> tuple[Remedy, ...]:
    endpoints: dict[str, None] = defaultdict(None)
    for use in uses:
        endpoints[getattr(by_route[use.route][0], "endpoint", "")] = None
    if loop.detail:
        return tuple(_eager(loop, endpoint) for endpoint in endpoints)
    return tuple(
        Remedy(
            "batch",
            {"endpoint": endpoint, "statement": loop.statement, "site": loop.site},
            "Ask for all rows with one statement instead of one per row.",
        )
        for endpoint in endpoints
    )


def _eager(loop: _Loop, endpoint: str) -> Remedy:
    return Remedy(
        "eager-load",
        {"endpoint": endpoint, "relationship": loop.detail, "site": loop.site},
        f"Load {loop.detail} together with its rows.",
        f"from sqlalchemy.orm import selectinload\n\nquery.options(selectinload({loop.detail}))\n",
    )
