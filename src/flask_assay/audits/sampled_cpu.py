"""What the audits of sampled CPU share: the routes that were sampled enough, and kinds of work.

Needs the artifacts ``steady_state``, ``endpoint_cpu`` and ``endpoint_stacks``.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from flask_assay.artifacts.endpoint_cpu import (
    EndpointCpu,
    EndpointStacks,
    endpoint_cpu,
    endpoint_stacks,
)
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, NotApplicableError
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Place

__all__ = ["KindOfWork", "KindOfWorkUse", "findings_of_kind", "sampled_routes"]

WEIGHT_MIN_US = 40_000  # sampled CPU of the endpoint
REQUESTS_MIN = 5  # fewer are dominated by what is done once


@dataclass(frozen=True)
class KindOfWork:
    """Work that many frames do, such as rendering, and how much of it is too much.

    Attributes:
        weights: Returns sampled CPU in µs by frame.
        share_ratio: Of the endpoint's sampled CPU.
        sure_ratio: What the lower end of the share's interval must reach.
        per_request_s: On average.
    """

    weights: Callable[[EndpointStacks], Counter[str]]
    share_ratio: float
    sure_ratio: float
    per_request_s: float


@dataclass(frozen=True)
class KindOfWorkUse:
    """How much of a kind of work one route does.

    Attributes:
        route: "GET /orders".
        endpoint: Of Flask.
        share: Of the endpoint's sampled CPU.
        weights: Sampled CPU in µs by frame.
    """

    route: str
    endpoint: str
    share: float
    weights: Counter[str]


def sampled_routes(given: Given) -> Iterator[tuple[str, EndpointCpu, EndpointStacks]]:
    """Yield the routes whose CPU was sampled enough to tell shares.

    Raises:
        NotApplicableError: If nothing was sampled.
    """
    stacks, steady = given[endpoint_stacks], given[steady_state]
    if not stacks:
        raise NotApplicableError("no stacks were sampled")
    for route, cpu in given[endpoint_cpu].items():
        entry = stacks.get(steady.by_route[route][0].endpoint)
        if entry and entry.weight >= WEIGHT_MIN_US and cpu.request_count >= REQUESTS_MIN:
            yield route, cpu, entry


def findings_of_kind(
    given: Given,
    meta: Meta,
    kind: KindOfWork,
    describe: Callable[[KindOfWorkUse], tuple[str, str, Place | None]],
) -> list[Finding]:
    """Return one finding per route that does too much of a kind of work.

    Args:
        given: Artifacts.
        meta: Of the audit.
        kind: The work, and its bounds.
        describe: Returns title, detail and place.

    Raises:
        NotApplicableError: If nothing was sampled.
    """
    steady = given[steady_state]
    found = []
    for route, cpu, entry in sampled_routes(given):
        weights, rows = kind.weights(entry), steady.by_route[route]
        share = weights.total() / entry.weight
        cost = share * cpu.cpu_s
        per_request = cost / cpu.request_count
        if share < kind.share_ratio or entry.surely(share) < kind.sure_ratio:
            continue
        if per_request < kind.per_request_s:
            continue
        title, detail, place = describe(KindOfWorkUse(route, rows[0].endpoint, share, weights))
        finding = Finding(
            audit=meta.audit_id,
            key=route,
            severity=severity_of({route: cost}, steady),
            title=title,
            routes=(route,),
            detail=detail,
            place=place,
            cost_s=cost,
            cost_per_request_s=per_request,
            evidence=(
                Evidence("share of the sampled CPU", round(share * 100, 1), "%"),
                Evidence("CPU of it", per_request * 1e3, "ms", n=cpu.request_count),
                Evidence("response body", sum(row.body_bytes for row in rows) / len(rows), "bytes"),
            ),
        )
        found.append(finding)
    return found
