"""slow-serialisation: much of a route's CPU goes into turning objects into text.

## What it detects
Endpoints that spend at least `SHARE_RATIO` of their sampled CPU, and `PER_REQUEST_S` of each
request, in JSON encoders and schema libraries, without what these load from a database.

## Why it matters
Serialising runs under the interpreter's lock: while one request does it, all others of the process
wait. Schema libraries written in Python take ten to a hundred times as long as the encoding alone.

## How it is detected
A learning pass samples the CPU of each route; a sample counts if a serialiser is on the stack and
no database driver or ORM below it.

## Known problems
The cost may be that of the amount: see `unbounded-result` and `oversized-response` first. Encoders
in C are charged to the Python function that called them. Hand-written `to_dict` functions are the
user's own code: see `hot-function`.

## How to fix
Send fewer fields and rows; select columns instead of objects; a serialiser in C or Rust (orjson,
msgspec, pydantic 2); keep the text of what seldom changes.

## References
Flask, "JSON Support", `app.json` provider; msgspec, "Benchmarks".
"""

from collections.abc import Sequence

from flask_assay.artifacts.endpoint_cpu import (
    EndpointCpu,
    EndpointStacks,
    endpoint_cpu,
    endpoint_stacks,
)
from flask_assay.artifacts.places import most_frequent
from flask_assay.artifacts.settings import view_places
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, NotApplicableError, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding

SHARE_RATIO = 0.3  # of the endpoint's sampled CPU
SURE_RATIO = 0.2  # lower end of the share's interval
PER_REQUEST_S = 0.003  # on average
WEIGHT_MIN_US = 40_000  # sampled CPU of the endpoint
REQUESTS_MIN = 5

META = Meta(
    audit_id="slow-serialisation",
    title="Serialising takes a small part of the CPU",
    failure_title="Serialising takes much of the CPU",
    needs=(steady_state, endpoint_cpu, endpoint_stacks, view_places),
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
        share = entry.serialising.total() / entry.weight
        per_request = share * cpu.cpu_s / cpu.request_count
        if (
            share >= SHARE_RATIO
            and entry.surely(share) >= SURE_RATIO
            and per_request >= PER_REQUEST_S
        ):
            found.append(_finding(route, share, (entry, cpu), (given, steady)))
    return found


def _finding(
    route: str,
    share: float,
    measured: tuple[EndpointStacks, EndpointCpu],
    context: tuple[Given, SteadyState],
) -> Finding:
    entry, cpu = measured
    given, steady = context
    library = most_frequent(entry.serialising)
    rows = steady.by_route[route]
    cost = share * cpu.cpu_s
    return Finding(
        audit=META.audit_id,
        key=route,
        severity=severity_of({route: cost}, steady),
        title=f"{route} spends {share * 100:.0f} % of its CPU serialising with {library}",
        routes=(route,),
        detail="What the serialiser loads from the database meanwhile is not counted.",
        place=given[view_places].get(rows[0].endpoint),
        cost_s=cost,
        cost_per_request_s=cost / cpu.request_count,
        evidence=(
            Evidence("share of the sampled CPU", round(share * 100, 1), "%"),
            Evidence("CPU of it", cost / cpu.request_count * 1e3, "ms", n=cpu.request_count),
            Evidence("response body", sum(row.body_bytes for row in rows) / len(rows), "bytes"),
        ),
    )
