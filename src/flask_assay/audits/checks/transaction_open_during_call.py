"""transaction-open-during-call: a transaction waits for another service.

## What it detects
At least `CALLS_MIN` calls of HTTP or mail from one place, and `CALLS_RATIO` of all from there, made
while a connection of the request is in a transaction, that take `CALL_S_MIN` or more on average.

## Why it matters
The transaction keeps its connection out of the pool, its locks from others and old rows from
being cleaned up, for as long as the other service likes. Ten connections held for 0.3 s each
carry 33 requests a second, however fast the queries are.

## How it is detected
When a call leaves the process the driver is asked for its transaction state. An ORM session is in
a transaction from its first query on, reads included.

## Known problems
An advisory lock or an outbox may hold its transaction on purpose: allow the route. Calls of
clients that the probe does not wrap are invisible.

## How to fix
End the transaction (`db.session.commit()` or `rollback()`) before the call and begin another one
for what comes back; or make the call after the commit, in a task queue.

## References
Little, "A Proof for the Queuing Formula: L = λW", Operations Research 9(3), 1961.
"""

from collections.abc import Sequence

from flask_assay.artifacts.external_calls import ExternalCalls, external_calls
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta
from flask_assay.audits.weighing import agree, name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

CALL_S_MIN = 0.01  # mean of the calls made inside a transaction
CALLS_MIN = 3  # inside a transaction: a mean of fewer is the first connection's
CALLS_RATIO = 0.2  # of the calls at that place must be inside one

META = Meta(
    audit_id="transaction-open-during-call",
    title="No transaction waits for another service",
    failure_title="Transactions wait for another service",
    needs=(steady_state, external_calls),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per call site."""
    groups: dict[tuple[str, str], list[ExternalCalls]] = {}
    for entry in given[external_calls].values():
        if entry.held_count < max(CALLS_MIN, CALLS_RATIO * entry.call_count):
            continue
        if entry.held_ns / entry.held_count / 1e9 < CALL_S_MIN:
            continue
        site = most_frequent(entry.held_sites) or most_frequent(entry.sites)
        groups.setdefault((site, entry.target), []).append(entry)
    return [_finding(site, entries, given[steady_state]) for (site, _), entries in groups.items()]


def _finding(site: str, entries: list[ExternalCalls], steady: SteadyState) -> Finding:
    entries = sorted(entries, key=lambda entry: -entry.held_ns)
    costs = {entry.route: entry.held_ns / 1e9 for entry in entries}
    routes = tuple(costs)
    calls = sum(entry.held_count for entry in entries)
    requests = sum(entry.held_request_count for entry in entries)
    target = entries[0].target or "another service"
    place = place_of(site)
    severity = severity_of(costs, steady)
    return Finding(
        audit=META.audit_id,
        key=f"{place.file}:{place.function}:{target}" if place else f"unknown:{target}",
        severity=Severity.WARNING if severity is Severity.NOTE else severity,
        title=(
            f"{name_routes(routes)} {agree(routes, 'waits', 'wait')} for {target} "
            "with a transaction open"
        ),
        routes=routes,
        detail=(
            f"For {sum(costs.values()) / calls * 1e3:.0f} ms per call the connection, and every "
            "lock the transaction took, is kept from others. The seconds given are those of "
            "holding; they are lost to others, not to this request."
        ),
        place=place,
        cost_s=sum(costs.values()),
        cost_per_request_s=sum(costs.values()) / max(1, requests),
        evidence=(
            Evidence("calls inside a transaction", calls, "calls", n=calls),
            Evidence("mean time held", sum(costs.values()) / calls * 1e3, "ms", n=calls),
        ),
        remedies=tuple(
            Remedy(
                "offload",
                {
                    "endpoint": steady.by_route[entry.route][0].endpoint,
                    "target": entry.target,
                    "site": site,
                },
                "End the transaction before the call, or make the call after the commit.",
                "db.session.commit()  # ends the transaction and returns the connection\n",
            )
            for entry in entries
        ),
    )
