"""hot-function: one function of yours uses much of a route's CPU.

## What it detects
Functions of the user's code that own more than `OWN_RATIO` of an endpoint's sampled CPU and at
least `FUNCTION_S_MIN` of each request, on routes where CPU is at least `CPU_SHARE_MIN` of what the
request does. What they call counts as theirs, except databases, caches, outgoing calls, templates
and serialisers: other audits judge these.

## Why it matters
Python runs one thread at a time: CPU of one request is waiting time of all others in its process.

## How it is detected
After the load a learning pass sends requests of each route again, to a process whose main thread
serves, where the kernel's CPU timer interrupts it: a sample belongs to the innermost frame of the
user's code. Shares of routes come from the clocks of the threads that served the load.

## Known problems
Samples are few where a route uses little CPU, so at least `WEIGHT_MIN_US` microseconds must be
sampled, and the share must be sure to be above `SURE_RATIO`. The first request of a route is left
out, for what is done once. A view that does all the work itself is named as well. Under gevent a
route's CPU is not known, so nothing is found. Routes that read more than `ROWS_MAX` rows a request
are left out: their functions are slow because of the rows. Password hashing is meant to be slow;
it is reported where the request is a GET, which is no sign-in.

## How to fix
Do it once instead of once per request, use a better algorithm or a library in C, or move it into
a task queue. Passwords: check them at the sign-in only and hand out a token.

## References
B. Gregg, "The Flame Graph", Communications of the ACM 59(6), 2016.
"""

from collections.abc import Mapping, Sequence

from flask_assay.artifacts.endpoint_cpu import (
    EndpointCpu,
    EndpointStacks,
    FunctionCpu,
    endpoint_cpu,
    endpoint_stacks,
)
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.time_breakdown import time_breakdown
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.sampled_cpu import sampled_routes
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Place
from flask_assay.model.rows import RequestRow, SpanKind

OWN_RATIO = 0.3  # of the endpoint's sampled CPU
FUNCTION_S_MIN = 0.002  # per request, on average
CPU_SHARE_MIN = 0.25  # of CPU and known waits together; else CPU is not the route's problem
SURE_RATIO = 0.2  # lower end of the share's interval
ROWS_MAX = 500  # per request
_WAITS = ("database", "cache", "external")
_HASHING = ("password_hash", "bcrypt", "argon2", "scrypt", "pbkdf2")

META = Meta(
    audit_id="hot-function",
    title="No function dominates a route's CPU",
    failure_title="A function uses much of a route's CPU",
    needs=(steady_state, endpoint_cpu, endpoint_stacks, time_breakdown),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per endpoint: its hottest function."""
    steady = given[steady_state]
    found = []
    for route, cpu, entry in sampled_routes(given):
        if not entry.own:
            continue
        hottest = max(entry.own, key=lambda name: (_weight(entry.own[name]), name))
        share = _share(entry.own[hottest], entry)
        if share < OWN_RATIO or entry.surely(share) < SURE_RATIO:
            continue
        if share * cpu.cpu_s / cpu.request_count < FUNCTION_S_MIN:
            continue
        if _is_busy(cpu, given[time_breakdown][route]) and not _is_meant(
            entry.own[hottest], steady.by_route[route]
        ):
            found.append(_finding(route, hottest, entry, cpu, steady))
    return found


def _share(function: FunctionCpu, entry: EndpointStacks) -> float:
    """Return the function's share; what only a few requests paid may all have been its."""
    return max(0, _weight(function) - entry.spikes) / max(1, entry.weight - entry.spikes)


def _weight(function: FunctionCpu) -> int:
    return function.weight - function.elsewhere


def _is_busy(cpu: EndpointCpu, breakdown: Mapping[str, float]) -> bool:
    mean_s = cpu.cpu_s / cpu.request_count
    return mean_s >= CPU_SHARE_MIN * (mean_s + sum(breakdown[part] for part in _WAITS))


def _is_meant(function: FunctionCpu, requests: Sequence[RequestRow]) -> bool:
    """Whether the work is that of many rows, or a sign-in's hashing."""
    rows = sum(
        max(0, span.rows)
        for request in requests
        for span in request.spans
        if span.kind == SpanKind.QUERY
    )
    if rows > ROWS_MAX * len(requests):
        return True
    hashing = sum(w for frame, w in function.called.items() if any(h in frame for h in _HASHING))
    is_safe = requests[0].route.startswith(("GET ", "HEAD "))
    return hashing > function.weight / 2 and not is_safe


def _finding(
    route: str,
    hottest: tuple[str, str],
    entry: EndpointStacks,
    cpu: EndpointCpu,
    steady: SteadyState,
) -> Finding:
    file, name = hottest
    function = entry.own[hottest]
    share = _share(function, entry)
    line, line_weight = max(function.lines.items(), key=lambda item: (item[1], -item[0]))
    called = function.called
    costly = max(called, key=lambda frame: (called[frame], frame)) if called else ""
    own = 1 - sum(called.values()) / function.weight
    return Finding(
        audit=META.audit_id,
        key=f"{route}:{name}",
        severity=severity_of({route: share * cpu.cpu_s}, steady),
        title=f"{route} spends {share * 100:.0f} % of its CPU in {name}",
        routes=(route,),
        detail=(
            f"{own * 100:.0f} % of that is the function's own code"
            + (f"; most of the rest is in {costly}." if costly else ".")
            + f" Line {line} alone has {line_weight / function.weight * 100:.0f} %."
        ),
        place=Place(file, line, name),
        cost_s=share * cpu.cpu_s,
        cost_per_request_s=share * cpu.cpu_s / cpu.request_count,
        evidence=(
            Evidence("share of the sampled CPU", round(share * 100, 1), "%"),
            Evidence(
                "CPU per request", cpu.cpu_s / cpu.request_count * 1e3, "ms", n=cpu.request_count
            ),
        ),
    )
