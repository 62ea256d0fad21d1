"""missing-timeout: a request may wait for another service for ever.

## What it detects
Outgoing calls whose socket had no timeout when the answer was awaited.

## Why it matters
When the other side stops answering, each such request keeps its worker thread until somebody
restarts it. All threads are gone within minutes, and the app is down for everyone.

## How it is detected
The socket is asked for its effective timeout just before the answer; what the code passes plays no
part, so defaults of libraries count.

## Known problems
Gunicorn's `timeout` is no substitute: it ends a sync worker and what it was doing, and does not see
a thread that waits.

## How to fix
Pass a timeout to each call: `requests.post(url, timeout=(3, 10))`.

## References
M. Nygard, "Release It!", 2nd edition, "Timeouts", 2018.
"""

from collections.abc import Sequence

from flask_assay.artifacts.external_calls import ExternalCalls, external_calls
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import name_routes
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

META = Meta(
    audit_id="missing-timeout",
    title="Every outgoing call has a timeout",
    failure_title="Outgoing calls may wait for ever",
    needs=(steady_state, external_calls),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per call site."""
    groups: dict[tuple[str, str], list[ExternalCalls]] = {}
    for entry in given[external_calls].values():
        if entry.no_timeout_count:
            groups.setdefault((most_frequent(entry.sites), entry.target), []).append(entry)
    return [_finding(site, target, entries, given) for (site, target), entries in groups.items()]


def _finding(site: str, target: str, entries: list[ExternalCalls], given: Given) -> Finding:
    place = place_of(site)
    routes = tuple(entry.route for entry in entries)
    calls = sum(entry.no_timeout_count for entry in entries)
    endpoint = given[steady_state].by_route[routes[0]][0].endpoint
    return Finding(
        audit=META.audit_id,
        key=f"{place.file}:{place.function}:{target}" if place else f"unknown:{target}",
        severity=Severity.WARNING,
        title=f"{name_routes(routes)}: the call {target} has no timeout",
        routes=routes,
        detail="The socket would have waited for an answer without end.",
        place=place,
        evidence=(Evidence("calls without a timeout", calls, "calls", n=calls),),
        remedies=(
            Remedy(
                "timeout",
                {"endpoint": endpoint, "target": target, "site": site, "timeout_s": 10},
                "Give the call a timeout.",
                "timeout=(3, 10)  # seconds to connect, seconds to answer\n",
            ),
        ),
    )
