"""slow-template: much of a route's CPU goes into rendering.

## What it detects
Endpoints that spend at least `SHARE_RATIO` of their sampled CPU, and `PER_REQUEST_S` of each
request, in templates, without what these load from a database.

## Why it matters
Rendering runs under the interpreter's lock: while one request does it, all others of the process
wait. A loop over a thousand rows with a macro and three filters each is a program of its own.

## How it is detected
A learning pass samples the CPU of each route; a sample counts if a template is on the stack and
neither driver nor ORM below it. The place is the template's line with the most samples.

## Known problems
The cost may be that of the amount: see `unbounded-result` and `oversized-response` first. What a
template calls of the user's own code counts as the template's.

## How to fix
Show fewer rows; work out values before, in one go; `{% cache %}` or a cached fragment for what
seldom changes; no `include` and no macro inside of long loops.

## References
Jinja, "Template Designer Documentation"; Flask-Caching, "Caching Jinja2 Snippets".
"""

from collections.abc import Sequence

from flask_assay.artifacts.endpoint_cpu import (
    EndpointCpu,
    EndpointStacks,
    endpoint_cpu,
    endpoint_stacks,
)
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, NotApplicableError, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding

SHARE_RATIO = 0.5  # of the endpoint's sampled CPU
SURE_RATIO = 0.35  # lower end of the share's interval
PER_REQUEST_S = 0.01  # on average
WEIGHT_MIN_US = 40_000  # sampled CPU of the endpoint
REQUESTS_MIN = 5

META = Meta(
    audit_id="slow-template",
    title="Rendering takes a small part of the CPU",
    failure_title="Rendering takes much of the CPU",
    needs=(steady_state, endpoint_cpu, endpoint_stacks),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    stacks, steady = given[endpoint_stacks], given[steady_state]
    if not stacks:
        raise NotApplicableError("no stacks were sampled")
    found = []
    for route, cpu in given[endpoint_cpu].items():
        entry = stacks.get(steady.by_route[route][0].endpoint)
        if entry is None or entry.weight < WEIGHT_MIN_US or cpu.request_count < REQUESTS_MIN:
            continue
        share = entry.templating.total() / entry.weight
        per_request = share * cpu.cpu_s / cpu.request_count
        if (
            share >= SHARE_RATIO
            and entry.surely(share) >= SURE_RATIO
            and per_request >= PER_REQUEST_S
        ):
            found.append(_finding(route, share, (entry, cpu), steady))
    return found


def _finding(
    route: str,
    share: float,
    measured: tuple[EndpointStacks, EndpointCpu],
    steady: SteadyState,
) -> Finding:
    entry, cpu = measured
    place = place_of(most_frequent(entry.templating))
    rows = steady.by_route[route]
    cost = share * cpu.cpu_s
    return Finding(
        audit=META.audit_id,
        key=route,
        severity=severity_of({route: cost}, steady),
        title=(
            f"{route} spends {share * 100:.0f} % of its CPU in templates"
            + (f", most in {place.file}" if place else "")
        ),
        routes=(route,),
        detail="What templates load from the database meanwhile is not counted.",
        place=place,
        cost_s=cost,
        cost_per_request_s=cost / cpu.request_count,
        evidence=(
            Evidence("share of the sampled CPU", round(share * 100, 1), "%"),
            Evidence("CPU of it", cost / cpu.request_count * 1e3, "ms", n=cpu.request_count),
            Evidence("response body", sum(row.body_bytes for row in rows) / len(rows), "bytes"),
        ),
    )
