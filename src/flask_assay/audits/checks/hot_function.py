"""hot-function: one function of yours uses much of a route's CPU.

## What it detects
Functions of the user's code that own more than `OWN_RATIO` of an endpoint's sampled CPU, library
calls that they make included, where the route uses at least `CPU_S_MIN` per request.

## Why it matters
Python runs one thread at a time: CPU of one request is waiting time of all others in its process.

## How it is detected
Stacks of the serving threads are sampled and weighted with the CPU that each really used; each
sample belongs to the innermost frame of the user's code. Shares of routes come from the thread's
own clock.

## Known problems
Samples are few in short runs, so at least `WEIGHT_MIN_US` microseconds must be sampled. A view
that does all the work itself is named as well. Where several threads serve, a thread takes the
samples: it is late by a fraction of a millisecond, and calls that wait look somewhat larger than
they are. Under gevent a route's CPU is not known, so nothing is found.

## How to fix
Do it once instead of once per request, use a better algorithm or a library in C, or move it into
a task queue. Passwords: check them at the sign-in only and hand out a token.

## References
B. Gregg, "The Flame Graph", Communications of the ACM 59(6), 2016.
"""

from collections.abc import Sequence

from flask_assay.artifacts.endpoint_cpu import (
    EndpointCpu,
    EndpointStacks,
    endpoint_cpu,
    endpoint_stacks,
)
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, NotApplicableError, State
from flask_assay.model.finding import Evidence, Finding, Place, Severity

OWN_RATIO = 0.2  # of the endpoint's sampled CPU
CPU_S_MIN = 0.005  # per request, on average
CPU_SHARE_MIN = 0.3  # of the route's server time; else CPU is not its problem
WEIGHT_MIN_US = 50_000  # sampled CPU of the endpoint

META = Meta(
    audit_id="hot-function",
    title="No function dominates a route's CPU",
    failure_title="A function uses much of a route's CPU",
    needs=(steady_state, endpoint_cpu, endpoint_stacks),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per endpoint: its hottest function."""
    stacks, steady = given[endpoint_stacks], given[steady_state]
    if not stacks:
        raise NotApplicableError("no stacks were sampled")
    found = []
    for route, cpu in given[endpoint_cpu].items():
        entry = stacks.get(steady.by_route[route][0].endpoint)
        if entry is None or entry.weight < WEIGHT_MIN_US or not entry.own:
            continue
        mean_s = cpu.cpu_s / cpu.request_count
        if mean_s < CPU_S_MIN or cpu.cpu_s < CPU_SHARE_MIN * steady.route_s(route):
            continue
        hottest = max(entry.own, key=lambda name: (entry.own[name].weight, name))
        if entry.own[hottest].weight / entry.weight >= OWN_RATIO:
            found.append(_finding(route, hottest, entry, cpu))
    return found


def _finding(
    route: str, hottest: tuple[str, str], entry: EndpointStacks, cpu: EndpointCpu
) -> Finding:
    file, name = hottest
    function = entry.own[hottest]
    share = function.weight / entry.weight
    line, line_weight = max(function.lines.items(), key=lambda item: (item[1], -item[0]))
    called = function.called
    costly = max(called, key=lambda frame: (called[frame], frame)) if called else ""
    own = 1 - sum(called.values()) / function.weight
    return Finding(
        audit=META.audit_id,
        key=f"{route}:{name}",
        severity=Severity.WARNING,
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
