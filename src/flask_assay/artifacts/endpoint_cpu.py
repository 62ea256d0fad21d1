"""endpoint-cpu: exact CPU by route, and the sampled stacks that explain it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact

__all__ = ["EndpointCpu", "endpoint_cpu", "endpoint_stacks"]


@dataclass(frozen=True, slots=True)
class EndpointCpu:
    """CPU of one route in the steady state, from the thread's own clock."""

    cpu_s: float
    request_count: int


@dataclass(slots=True)
class EndpointStacks:
    """Samples of one endpoint.

    Attributes:
        sample_count: All samples.
        own: Samples by the innermost frame.
    """

    sample_count: int = 0
    own: Counter[str] = field(default_factory=Counter)


@artifact("endpoint-cpu")
def endpoint_cpu(view: View) -> Mapping[str, EndpointCpu]:
    """Return CPU by route."""
    return {
        route: EndpointCpu(sum(row.cpu_ns for row in rows) / 1e9, len(rows))
        for route, rows in view[steady_state].by_route.items()
    }


@artifact("endpoint-stacks")
def endpoint_stacks(view: View) -> Mapping[str, EndpointStacks]:
    """Return samples by endpoint, over the whole run; empty without a sampler."""
    found: dict[str, EndpointStacks] = {}
    for file in view.recording.probe_files:
        for stack, count in file.stacks.items():
            frames = stack.split(";")
            entry = found.setdefault(frames[0], EndpointStacks())
            entry.sample_count += count
            entry.own[frames[-1]] += count
    return found
