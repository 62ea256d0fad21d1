"""identity-blind-cache: one user's page is served to others out of a cache.

## What it detects
GET routes whose view reads who is asking, while requests answered from a cache do not, and the
same cached body went to at least two identities.

## Why it matters
It shows one customer's data to another. No test with a single user finds it.

## How it is detected
Requests of a route that found a cache entry are compared with those that computed one: the latter
read the identity, the former served the same body to different credentials.

## Known problems
A view may read the identity and give everybody the same: then the warning is right about the key
and wrong about the data.

## How to fix
Put the identity into the key: `@cache.cached(make_cache_key=...)`, or `@cache.memoize` with the
user as an argument.

## References
OWASP, "Web Cache Deception"; RFC 9111, section 3.5.
"""

from collections.abc import Sequence

from flask_assay.artifacts.settings import view_places
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity
from flask_assay.model.rows import RequestFlag, RequestRow, SpanFlag, SpanKind

META = Meta(
    audit_id="identity-blind-cache",
    title="Cached answers go to those they were made for",
    failure_title="A cached answer of one user goes to others",
    needs=(steady_state, view_places),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    found = []
    for route, rows in given[steady_state].by_route.items():
        if route.startswith("GET "):
            hits = [row for row in rows if _is_hit(row)]
            shared = _shared_count(hits)
            if shared and route in given[steady_state].identity_routes:
                found.append(_finding(route, rows[0].endpoint, len(hits), shared, given))
    return found


def _is_hit(row: RequestRow) -> bool:
    """Return whether a request was answered from a cache without a look at who asked."""
    if row.flags & RequestFlag.IDENTITY_READ or row.status != 200:
        return False
    found = False
    for span in row.spans:
        if span.kind is SpanKind.QUERY:
            return False
        found = found or (span.kind is SpanKind.CACHE and bool(span.flags & SpanFlag.HIT))
    return found


def _shared_count(hits: Sequence[RequestRow]) -> int:
    """Return how many identities the most widely shared body of one question went to."""
    identities: dict[tuple[int, int], set[int]] = {}
    for row in hits:
        if row.body_digest and row.identity_digest:
            key = (row.query_digest, row.body_digest)
            identities.setdefault(key, set()).add(row.identity_digest)
    most = max((len(found) for found in identities.values()), default=0)
    return most if most >= 2 else 0


def _finding(route: str, endpoint: str, hits: int, shared: int, given: Given) -> Finding:
    return Finding(
        audit=META.audit_id,
        key=route,
        severity=Severity.ERROR,
        title=f"{route} serves one user's cached answer to others",
        routes=(route,),
        detail=(
            "The view reads who is asking when it computes the answer; the cache gave the same "
            f"body to {shared} different identities."
        ),
        place=given[view_places].get(endpoint),
        evidence=(
            Evidence("identities that got one body", shared, "identities", n=hits),
            Evidence("answers out of the cache", hits, "responses"),
        ),
        remedies=(
            Remedy(
                "identity-key",
                {"endpoint": endpoint},
                "Put the identity into the cache key.",
                "@cache.cached(\n"
                "    make_cache_key=lambda *_, **__: f'{request.full_path}:{user_id()}'\n)\n",
            ),
        ),
    )
