"""duplicate-external-calls: a request asks a service for what it has just been told.

## What it detects
GET or HEAD requests to the same URL again within one request, after it was answered, in at least
`REQUESTS_RATIO` of the route's requests.

## Why it matters
The second answer is the first one, and it costs as much: a round trip to another machine.

## How it is detected
URLs are compared by a salted hash that the probe takes; what stands in them is never recorded.
Failed calls do not count: asking again after a failure is a retry.

## Known problems
Headers are not compared: the same URL with another Accept or Authorization header is another
question. Services whose answers change from second to second are asked again on purpose.

## How to fix
Keep the answer for the length of the request: pass it on, or keep it on `flask.g`.

## References
RFC 9110, section 9.2.1, "Safe Methods".
"""

from collections.abc import Sequence

from flask_assay.artifacts.external_calls import ExternalCalls, external_calls
from flask_assay.artifacts.places import key_of, most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import how_often, severity_of
from flask_assay.model.finding import Evidence, Finding

REQUESTS_RATIO = 0.2  # of the route's requests

META = Meta(
    audit_id="duplicate-external-calls",
    title="No request asks a service the same question twice",
    failure_title="Requests ask a service the same question again",
    needs=(steady_state, external_calls),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route and service."""
    steady = given[steady_state]
    return [
        _finding(entry, steady)
        for entry in given[external_calls].values()
        if entry.repeat_counts
        and len(entry.repeat_counts) >= REQUESTS_RATIO * len(steady.by_route[entry.route])
    ]


def _finding(entry: ExternalCalls, steady: SteadyState) -> Finding:
    cost, requests = entry.repeat_wall_ns / 1e9, len(entry.repeat_counts)
    place = place_of(most_frequent(entry.repeat_sites) or most_frequent(entry.sites))
    mean = sum(entry.repeat_counts) / requests
    return Finding(
        audit=META.audit_id,
        key=key_of(place, entry.target),
        severity=severity_of({entry.route: cost}, steady),
        title=f"{entry.route} repeats the same {entry.target} {how_often(mean)} per request",
        routes=(entry.route,),
        detail="The URL is the same, and it was answered before in the same request.",
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / requests,
        evidence=(
            Evidence("needless calls per request", mean, "calls", n=requests),
            Evidence("their time in all", cost * 1e3, "ms", n=sum(entry.repeat_counts)),
        ),
    )
