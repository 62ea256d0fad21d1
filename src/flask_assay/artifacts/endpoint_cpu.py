"""endpoint-cpu: exact CPU by route, and the sampled stacks that explain it."""

import math
import statistics
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.cpu import total_cpu_ns

__all__ = ["EndpointCpu", "EndpointStacks", "FunctionCpu", "endpoint_cpu", "endpoint_stacks"]


_SAMPLE_US = 4_000  # CPU that a sample stands for, where the kernel's clock is coarse
_SPIKE_RATIO = 4.0  # of the typical CPU of a request
_SERIALISERS = frozenset(
    {"json", "simplejson", "orjson", "rapidjson", "marshmallow", "pydantic", "apispec", "webargs"}
    | {"flask_marshmallow", "flask_restful", "flask_restx", "marshmallow_sqlalchemy", "msgspec"}
)
_DATABASES = frozenset({"sqlalchemy", "flask_sqlalchemy", "psycopg", "psycopg2", "redis", "valkey"})
_CLIENTS = frozenset(
    {"requests", "urllib3", "urllib", "httpx", "httpcore", "http", "ssl", "smtplib"}
    | {"boto3", "botocore", "aiohttp", "grpc"}
)
_ELSEWHERE = _DATABASES | _CLIENTS | _SERIALISERS | {"jinja2"}
_OTHERS_WORK = _ELSEWHERE - _SERIALISERS
# a decorator or a base class of a serialiser's package, which runs the view itself
_AROUND_VIEWS = frozenset({"wrapper", "wrapped", "decorated", "decorator", "dispatch_request"})
_TEMPLATE = " template"  # ends the text of a template's frame


@dataclass(frozen=True, slots=True)
class EndpointCpu:
    """CPU of one route in the steady state, from the thread's own clock."""

    cpu_s: float
    request_count: int


@dataclass(slots=True)
class FunctionCpu:
    """Sampled CPU of one function of the user's code, with all the library code that it called.

    Attributes:
        weight: Microseconds.
        lines: The same by the line that ran or made the call.
        called: The part that was spent in library code, by the frame that was called.
        elsewhere: The part that was spent, however deep, for databases, caches, calls, templates
            and serialisers.
    """

    weight: int = 0
    lines: Counter[int] = field(default_factory=Counter)
    called: Counter[str] = field(default_factory=Counter)
    elsewhere: int = 0


@dataclass(slots=True)
class EndpointStacks:
    """Sampled CPU of one endpoint.

    Attributes:
        weight: Of all its samples, microseconds.
        spikes: CPU that a few requests used beyond what is typical, microseconds: imports and
            connections at first use, which no other request pays.
        own: By file and function of the innermost frame that is the user's code.
        serialising: By library, what was spent in a serialiser and not in a database below it.
        templating: By line of a template, what was spent rendering it, and neither in a database
            below nor in functions of the user that the template calls.
    """

    weight: int = 0
    spikes: int = 0
    own: dict[tuple[str, str], FunctionCpu] = field(default_factory=dict)
    serialising: Counter[str] = field(default_factory=Counter)
    templating: Counter[str] = field(default_factory=Counter)

    def surely(self, share: float) -> float:
        """Return the lower end of the 90 % interval of a share of the samples."""
        return share - 1.64 * math.sqrt(share * (1 - share) / max(1, self.weight / _SAMPLE_US))


@artifact("endpoint-cpu")
def endpoint_cpu(view: View) -> Mapping[str, EndpointCpu]:
    """Return CPU by route."""
    return {
        route: EndpointCpu(total_cpu_ns(rows) / 1e9, len(rows))
        for route, rows in view[steady_state].by_route.items()
    }


@artifact("endpoint-stacks")
def endpoint_stacks(view: View) -> Mapping[str, EndpointStacks]:
    """Return sampled CPU by endpoint: of the learning pass, else of the run; empty without."""
    found: dict[str, EndpointStacks] = {}
    learned = view.recording.document("profile").get("stacks")
    sampled = [learned] if isinstance(learned, dict) else []
    for stacks in sampled or [file.stacks for file in view.recording.probe_files]:
        for stack, weight in stacks.items():
            endpoint, *frames = str(stack).split(";")
            entry = found.setdefault(endpoint, EndpointStacks())
            entry.weight += int(weight)
            _add(entry, frames, int(weight))
    if not sampled:  # a learning pass does not sample what is done once
        _measure_spikes(view, found)
    return found


def _measure_spikes(view: View, found: Mapping[str, EndpointStacks]) -> None:
    cpu_us: dict[str, list[float]] = {}
    for row in view.recording.requests:
        if row.endpoint in found and row.cpu_ns:
            cpu_us.setdefault(row.endpoint, []).append(row.cpu_ns / 1e3)
    for endpoint, times in cpu_us.items():
        typical = statistics.median(times)
        beyond = (time - typical for time in times if time > _SPIKE_RATIO * typical)
        found[endpoint].spikes = int(sum(beyond))


def _serialises(frame: str) -> bool:
    package, _, function = frame.partition(":")
    return package in _SERIALISERS and function.rpartition(".")[2] not in _AROUND_VIEWS


def _add(entry: EndpointStacks, frames: list[str], weight: int) -> None:
    packages = [frame.partition(":")[0] for frame in frames]
    at = next((k for k, frame in enumerate(frames) if _serialises(frame)), None)
    if at is not None and not _OTHERS_WORK & set(packages[at:]):
        entry.serialising[packages[at]] += weight
    lines = [k for k, frame in enumerate(frames) if frame.endswith(_TEMPLATE)]
    calls_own = lines and any(map(place_of, frames[lines[-1] + 1 :]))
    if lines and not calls_own and not _DATABASES & set(packages[lines[0] :]):
        entry.templating[frames[lines[-1]]] += weight
    for at in range(len(frames) - 1, -1, -1):
        place = place_of(frames[at])  # of a library frame there is none: it has no line
        if place is not None:
            own = entry.own.setdefault((place.file, place.function), FunctionCpu())
            own.weight += weight
            own.lines[place.line or 0] += weight
            if at + 1 < len(frames):
                own.called[frames[at + 1]] += weight
                below = {frame.partition(":")[0] for frame in frames[at + 1 :]}
                own.elsewhere += weight if below & _ELSEWHERE else 0
            return
