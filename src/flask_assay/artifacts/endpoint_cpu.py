"""endpoint-cpu: exact CPU by route, and the sampled stacks that explain it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact

__all__ = ["EndpointCpu", "EndpointStacks", "endpoint_cpu", "endpoint_stacks"]


@dataclass(frozen=True, slots=True)
class EndpointCpu:
    """CPU of one route in the steady state, from the thread's own clock."""

    cpu_s: float
    request_count: int


@dataclass(slots=True)
class EndpointStacks:
    """Sampled CPU of one endpoint.

    Attributes:
        weight: Of all its samples.
        own: Weight by the innermost frame of the user's code, whatever it called included.
        called: For each of these frames, the weight by the library frame that it had called,
            "" for time in the frame itself.
    """

    weight: int = 0
    own: Counter[str] = field(default_factory=Counter)
    called: dict[str, Counter[str]] = field(default_factory=dict)


@artifact("endpoint-cpu")
def endpoint_cpu(view: View) -> Mapping[str, EndpointCpu]:
    """Return CPU by route."""
    return {
        route: EndpointCpu(sum(row.cpu_ns for row in rows) / 1e9, len(rows))
        for route, rows in view[steady_state].by_route.items()
    }


@artifact("endpoint-stacks")
def endpoint_stacks(view: View) -> Mapping[str, EndpointStacks]:
    """Return sampled CPU by endpoint, over the whole run; empty without a sampler."""
    found: dict[str, EndpointStacks] = {}
    if not any(file.stacks for file in view.recording.probe_files):
        return found
    files = _user_files(view)
    for file in view.recording.probe_files:
        for stack, weight in file.stacks.items():
            endpoint, *frames = stack.split(";")
            entry = found.setdefault(endpoint, EndpointStacks())
            entry.weight += weight
            _add(entry, frames, weight, files)
    return found


def _add(entry: EndpointStacks, frames: list[str], weight: int, files: frozenset[str]) -> None:
    for at in range(len(frames) - 1, -1, -1):
        if frames[at].partition(":")[0] in files:
            entry.own[frames[at]] += weight
            below = frames[at + 1] if at + 1 < len(frames) else ""
            entry.called.setdefault(frames[at], Counter())[below] += weight
            return


def _user_files(view: View) -> frozenset[str]:
    """Return the user's files as stacks name them: by path, or by their last part."""
    sites = {span.site for row in view.recording.requests for span in row.spans if span.site}
    places = [place_of(site) for site in sites]
    paths = {place.file for place in places if place is not None}
    app = view.recording.document("app")
    listed = app.get("files")
    paths |= {str(file) for file in (listed if isinstance(listed, list) else [])}
    routes = app.get("routes")
    for route in routes if isinstance(routes, list) else []:
        about = route.get("view") if isinstance(route, dict) else None
        if isinstance(about, dict) and about.get("file"):
            paths.add(str(about["file"]))
    return frozenset(paths | {path.rpartition("/")[2] for path in paths})
