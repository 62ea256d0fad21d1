"""failing-requests: requests end in an error of the server.

## What it detects
Responses with status 500 and above in the steady state, or none at all, by the exception behind
them and the line of the user's code that raised it.

## Why it matters
A failed request is not a slow one, it is a lost one; and a route that fails quickly looks fast in
every other figure.

## How it is detected
A sensor notes exceptions that leave views, hooks and error handlers, with their message but
without the values in it. A missing attribute or name is told if the failing line itself spells it.

## Known problems
An error that the view itself turns into a response has no exception to name. Values that a message
holds without quotes, digits or an @ are taken for its words. Under load, errors may come from the
test: rows that the derived requests name do not exist, stubs answer what a service never would.

## How to fix
Mend what the exception says. Answer mistakes of the client with a status of the 4xx kind.

## References
RFC 9110, section 15.6, "Server Error 5xx".
"""

from collections.abc import Sequence

from flask_assay.artifacts.failures import Failure, failures
from flask_assay.artifacts.places import key_of, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import agree, name_routes
from flask_assay.model.finding import Evidence, Finding, Severity

SERIOUS_RATIO = 0.01  # of a route's requests

META = Meta(
    audit_id="failing-requests",
    title="No request ends in a server error",
    failure_title="Requests end in server errors",
    needs=(steady_state, failures),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per exception and line."""
    steady = given[steady_state]
    return [_finding(failure, steady) for failure in given[failures].values()]


def _finding(failure: Failure, steady: SteadyState) -> Finding:
    routes = tuple(route for route, _ in failure.routes.most_common())
    all_requests = sum(len(steady.by_route[route]) for route in routes)
    share = max(n / len(steady.by_route[route]) for route, n in failure.routes.items())
    statuses = ", ".join(
        f"{status or 'no response'} × {count}" for status, count in sorted(failure.statuses.items())
    )
    place = place_of(failure.site)
    kind = failure.exception.partition(":")[0]
    cause = failure.exception or "an error without an exception"
    return Finding(
        audit=META.audit_id,
        key=key_of(place, kind or "error"),
        severity=Severity.WARNING if share >= SERIOUS_RATIO else Severity.NOTE,
        title=(
            f"{name_routes(routes)} {agree(routes, 'fails', 'fail')} in {failure.count:,} of "
            f"{all_requests:,} requests: {cause}"
        ),
        routes=routes,
        detail=(
            "The place is the innermost line of your code that the exception came through."
            if place
            else ""
        ),
        place=place,
        evidence=(
            Evidence("failed", failure.count / all_requests * 100, "% of requests", n=all_requests),
            Evidence("status", statuses),
        ),
    )
