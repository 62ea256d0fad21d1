"""Sampled CPU stacks as the document holds them: by endpoint, frames named once, twigs cut off."""

import sys
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.view import View
from flask_assay.model.cpu import total_cpu_ns
from flask_assay.model.document import EndpointProfile, FoldedStack, Profile, ProfileFrame
from flask_assay.model.rows import RequestRow
from flask_assay.recording.reader import RowsFile

__all__ = ["fold", "profile_of"]

LEAST_RATIO = 0.002  # of the endpoint's CPU; smaller branches are put together
MOST_ENDPOINTS = 100
MOST_STACKS = 500  # of one endpoint
OTHER = "(other)"
_DRIVERS = frozenset({
    "sqlalchemy", "flask_sqlalchemy", "psycopg", "psycopg2", "asyncpg", "pg8000", "pymysql",
    "MySQLdb", "mysql", "sqlite3", "pymongo", "redis", "valkey", "hiredis", "pymemcache",
    "cachelib", "requests", "urllib3", "httpx", "httpcore", "aiohttp", "botocore", "boto3",
    "grpc", "elasticsearch", "opensearchpy", "smtplib", "http",
})  # fmt: skip
Stacks = Mapping[tuple[str, ...], int]


def profile_of(view: View) -> Profile:
    """Return the profile; empty if no stacks were asked for."""
    learned = view.recording.document("profile")
    if isinstance(learned.get("stacks"), dict):
        sampled = _by_endpoint([learned["stacks"]])  # type: ignore[list-item]  # checked above
        return _with_facts([learned], *fold(_as_used(sampled, view), _routes(view)))
    files = [file for file in view.recording.probe_files if _facts(file)]
    if not files:
        return Profile()
    by_endpoint = _by_endpoint([file.stacks for file in files])
    return _with_facts([_facts(file) for file in files], *fold(by_endpoint, _routes(view)))


def _as_used(
    sampled: Mapping[str, Counter[tuple[str, ...]]], view: View
) -> dict[str, dict[tuple[str, ...], int]]:
    """Return the stacks with as much CPU as the endpoints really used in the run.

    In the learning pass each route is sampled about as long as any other.
    """
    rows: dict[str, list[RequestRow]] = {}
    for row in view.recording.requests:
        rows.setdefault(row.endpoint, []).append(row)
    used = {endpoint: total_cpu_ns(of_it) for endpoint, of_it in rows.items()}
    found = {}
    for endpoint, stacks in sampled.items():
        factor = used.get(endpoint, 0.0) / 1e3 / stacks.total() or 1.0
        found[endpoint] = {frames: round(weight * factor) for frames, weight in stacks.items()}
    return found


def fold(
    by_endpoint: Mapping[str, Stacks], routes: Mapping[str, Iterable[str]]
) -> tuple[tuple[ProfileFrame, ...], tuple[EndpointProfile, ...]]:
    """Return the frames and the endpoints of a profile.

    Args:
        by_endpoint: For each endpoint, microseconds by stack, outermost frame first.
        routes: Of each endpoint.
    """
    names = _Frames()
    weights = {name: sum(stacks.values()) for name, stacks in by_endpoint.items()}
    order = sorted(weights, key=lambda name: (-weights[name], name))[:MOST_ENDPOINTS]
    endpoints = tuple(
        EndpointProfile(
            endpoint=name,
            routes=tuple(sorted(routes.get(name, ()))),
            cpu_s=weights[name] / 1e6,
            stacks=names.folded(_pruned(by_endpoint[name])),
        )
        for name in order
    )
    return names.all(), endpoints


@dataclass(slots=True)
class _Frames:
    """Frames by the order of their first use."""

    numbers: dict[str, int] = field(default_factory=dict)

    def folded(self, stacks: Stacks) -> tuple[FoldedStack, ...]:
        order = sorted(stacks, key=lambda frames: (-stacks[frames], frames))
        return tuple(
            FoldedStack(
                tuple(self.numbers.setdefault(name, len(self.numbers)) for name in frames),
                stacks[frames] / 1e6,
            )
            for frames in order
        )

    def all(self) -> tuple[ProfileFrame, ...]:
        return tuple(ProfileFrame(name, _kind(name)) for name in self.numbers)


def _with_facts(
    facts: Sequence[Mapping[str, object]],
    frames: tuple[ProfileFrame, ...],
    endpoints: tuple[EndpointProfile, ...],
) -> Profile:
    samples, outside = (sum(_number(f.get(k)) for f in facts) for k in ("samples", "outside"))
    unattributed = sum(_number(f.get("unattributed")) for f in facts)
    return Profile(
        sampler=" and ".join(sorted({str(f.get("sampler")) for f in facts})),
        reason="; ".join(sorted({str(f["reason"]) for f in facts if f.get("reason")})),
        interval_s=max(float(str(f.get("interval_s", 0))) for f in facts),
        sample_count=samples,
        unattributed_ratio=unattributed / samples if samples else 0.0,
        outside_ratio=outside / (samples + outside) if samples + outside else 0.0,
        frames=frames,
        endpoints=endpoints,
    )


def _facts(file: RowsFile) -> Mapping[str, object]:
    found = file.counters.get("stacks")
    return found if isinstance(found, dict) else {}


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _by_endpoint(sampled: Iterable[Mapping[str, int]]) -> dict[str, Counter[tuple[str, ...]]]:
    found: dict[str, Counter[tuple[str, ...]]] = defaultdict(Counter)
    for every in sampled:
        for stack, weight in every.items():
            endpoint, *frames = stack.split(";")
            found[endpoint][tuple(frames)] += weight
    return found


def _routes(view: View) -> dict[str, set[str]]:
    found: dict[str, set[str]] = defaultdict(set)
    for row in view.recording.requests:
        if row.endpoint:
            found[row.endpoint].add(row.route)
    return found


def _pruned(stacks: Stacks) -> Stacks:
    """Return stacks in which each branch too small to be drawn ends as one frame "(other)"."""
    within: Counter[tuple[str, ...]] = Counter()
    for frames, weight in stacks.items():
        for depth in range(1, len(frames) + 1):
            within[frames[:depth]] += weight
    least = LEAST_RATIO * sum(stacks.values())
    while True:
        found: Counter[tuple[str, ...]] = Counter()
        for frames, weight in stacks.items():
            found[_cut(frames, within, least)] += weight
        if len(found) <= MOST_STACKS:
            return found
        least *= 2


def _cut(
    frames: tuple[str, ...], within: Mapping[tuple[str, ...], int], least: float
) -> tuple[str, ...]:
    for depth in range(1, len(frames) + 1):
        if within[frames[:depth]] < least:
            return (*frames[: depth - 1], OTHER)
    return frames


def _kind(name: str) -> str:
    if name == OTHER:
        return "other"
    if place_of(name) is not None:
        return "user"
    package = name.partition(":")[0]
    if package in _DRIVERS:
        return "driver"
    return "python" if package in sys.stdlib_module_names else "framework"
