"""duplicate-queries: a request asks the database for what it has already been told.

## What it detects
The same statement with the same parameters again within one request, with nothing written or
committed between, in at least `REQUESTS_RATIO` of a route's requests.

## Why it matters
The second answer is the first one. It costs a round trip, a pooled connection for longer, and
the objects are built twice.

## How it is detected
Parameters are compared by a salted hash that the probe takes; values are never recorded.
A write or a commit between two executions makes the second one new.

## Known problems
Statements without a FROM, with volatile functions or with row locks are never counted, also where
they are redundant. Repeats beside a loop over different parameters count as part of that loop.

## How to fix
Keep the result for the length of the request: pass it on, keep it on `flask.g`, or look the object
up through `session.get`, which answers from the session.

## References
M. Fowler, "Patterns of Enterprise Application Architecture", Identity Map, 2002.
"""

import re
from collections.abc import Sequence

from flask_assay.artifacts.counted_requests import CountedRequests, counted_requests
from flask_assay.artifacts.places import key_of, place_of
from flask_assay.artifacts.request_queries import QueryUse, request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta
from flask_assay.audits.weighing import how_often, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy

REQUESTS_RATIO = 0.2  # of a route's requests must repeat the statement

META = Meta(
    audit_id="duplicate-queries",
    title="No request asks the same question twice",
    failure_title="Requests ask the same question again",
    needs=(counted_requests, request_queries, statement_shapes),
)

_READS_A_TABLE = re.compile(r"\s*(SELECT|WITH)\b.*\bFROM\b", re.IGNORECASE | re.DOTALL)
_VOLATILE = re.compile(
    r"\b(random|nextval|currval|clock_timestamp|timeofday|gen_random_uuid|uuid_generate\w*"
    r"|pg_\w+|txid_current)\b|\bFOR\s+(NO KEY\s+)?(UPDATE|SHARE)\b",
    re.IGNORECASE,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per statement and place of its repetition."""
    counted = given[counted_requests]
    groups: dict[tuple[str, str], list[QueryUse]] = {}
    for (route, statement, _), use in given[request_queries].items():
        if _repeats(use, counted.served_counts[route]):
            groups.setdefault((statement, use.repeat_site), []).append(use)
    shapes = given[statement_shapes]
    return [
        _finding(statement, site, uses, counted, shapes[statement].statement_id)
        for (statement, site), uses in groups.items()
    ]


def _repeats(use: QueryUse, served_count: int) -> bool:
    if not use.repeat_count or use.repeat_request_count < REQUESTS_RATIO * served_count:
        return False
    return bool(_READS_A_TABLE.match(use.statement)) and not _VOLATILE.search(use.statement)


def _finding(
    statement: str, site: str, uses: list[QueryUse], counted: CountedRequests, statement_id: str
) -> Finding:
    uses = sorted(uses, key=lambda use: -use.repeat_wall_ns)
    costs = {use.route: use.repeat_wall_ns / 1e9 for use in uses}
    requests = sum(use.repeat_request_count for use in uses)
    repeats = sum(use.repeat_count for use in uses)
    place = place_of(site)
    all_sites = sorted({one for use in uses for one in use.sites if one != site and place_of(one)})
    also = f" It is also asked at {', '.join(all_sites[:3])}." if all_sites else ""
    endpoints = {counted.by_route[use.route][0].endpoint for use in uses}
    table = re.search(r"\bFROM\s+([\w.\"]+)", statement, re.IGNORECASE)
    subject = table[1].replace('"', "") if table else "the database"
    return Finding(
        audit=META.audit_id,
        key=key_of(place, subject),
        severity=severity_of(costs, counted),
        title=(
            f"{name_routes(tuple(costs))}: the same query on {subject} is repeated "
            f"{how_often(repeats / requests)} per request"
        ),
        routes=tuple(costs),
        detail=f"Nothing was written or committed between the executions.{also}",
        place=place,
        cost_s=sum(costs.values()),
        cost_per_request_s=sum(costs.values()) / requests,
        evidence=(
            Evidence("needless executions per request", repeats / requests, "queries", n=requests),
            Evidence("time of the needless executions", sum(costs.values()) * 1e3, "ms", n=repeats),
        ),
        sql=statement,
        statement_id=statement_id,
        remedies=tuple(
            Remedy(
                "memo",
                {"endpoint": endpoint, "statement": statement, "site": site},
                "Keep the first answer for the rest of the request.",
                "from flask import g\n\nif 'answer' not in g:\n    g.answer = load_it()\n",
            )
            for endpoint in sorted(endpoints)
        ),
    )
