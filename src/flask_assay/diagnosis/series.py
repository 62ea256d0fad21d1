"""Values over the run, second by second."""

from collections.abc import Mapping, Sequence

from flask_assay.model.document import Series
from flask_assay.model.rows import ClientFlag, ClientRow, RequestFlag, SpanFlag, SpanKind
from flask_assay.recording.reader import Recording
from flask_assay.stats.quantiles import quantile

__all__ = ["series_of"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_BACKGROUND = int(RequestFlag.BACKGROUND)
_CENSORED = int(ClientFlag.CENSORED)
_FAILED_OR_NO_RESPONSE = int(ClientFlag.FAILED | ClientFlag.NO_RESPONSE)
_CACHE, _HIT = int(SpanKind.CACHE), int(SpanFlag.HIT)
_FOUND_OR_NOT = int(SpanFlag.HIT | SpanFlag.MISS)

_POINTS_MAX = 600  # a run of hours is thinned: a report has a width


def series_of(recording: Recording) -> tuple[Series, ...]:
    """Return every series of a recording, warm-up and drain included."""
    moments = _moments(recording)
    stamps = [moment[0] for moment in moments]
    stamps += [stamp for sample in recording.samples if (stamp := _stamp(sample)) is not None]
    if not stamps:
        return ()
    origin = moments[0][0] if moments else min(stamps)
    step_s = max(1.0, (max(stamps) - origin) / 1e9 / _POINTS_MAX)
    return (
        *_traffic(moments, origin, step_s),
        *_resources(recording, origin, step_s),
        *_cache(recording, origin, step_s),
    )


def _moments(recording: Recording) -> list[tuple[int, int, bool]]:
    """Return (end, wall, failed) of each request: the client's view, else the probe's."""
    if recording.client_requests:
        sent = [r for r in recording.client_requests if not r.flags & _CENSORED]
        return sorted((r.start_ns + r.wall_ns, r.wall_ns, _failed(r)) for r in sent)
    return sorted(
        (r.start_ns + r.wall_ns, r.wall_ns, r.status >= 500)
        for r in recording.requests
        if not r.flags & _BACKGROUND
    )


def _failed(row: ClientRow) -> bool:
    return bool(row.flags & _FAILED_OR_NO_RESPONSE)


def _traffic(moments: Sequence[tuple[int, int, bool]], origin: int, step_s: float) -> list[Series]:
    if not moments:
        return []
    count = int((moments[-1][0] - origin) / 1e9 / step_s) + 1
    walls: list[list[int]] = [[] for _ in range(count)]
    errors = [0] * count
    for end, wall, failed in moments:
        at = int((end - origin) / 1e9 / step_s)
        walls[at].append(wall)
        errors[at] += failed
    times = tuple(at * step_s for at in range(count))
    ordered = [sorted(wall) for wall in walls]
    found = [
        Series("requests_per_s", times, tuple(len(wall) / step_s for wall in walls)),
        Series("errors_per_s", times, tuple(error / step_s for error in errors)),
    ]
    for name, ratio in (("p50_s", 0.5), ("p95_s", 0.95), ("p99_s", 0.99)):
        values = tuple(quantile(wall, ratio) / 1e9 if wall else None for wall in ordered)
        found.append(Series(name, times, values))
    return found


def _resources(recording: Recording, origin: int, step_s: float) -> list[Series]:
    points: dict[str, dict[float, float]] = {}
    last_cpu: dict[tuple[str, object], tuple[int, float]] = {}
    for sample in recording.samples:
        stamp = _stamp(sample)
        if stamp is None:
            continue
        at = round((stamp - origin) / 1e9 / step_s) * step_s
        process = str(sample.get("process", ""))
        for name, value in _values(sample, process).items():
            points.setdefault(name, {})[at] = value
        cpu = _number(sample.get("cpu_s"))
        if cpu is not None:
            key = (process, sample.get("pid"))
            before = last_cpu.get(key)
            last_cpu[key] = (stamp, cpu)
            if before is not None and stamp > before[0]:
                ratio = (cpu - before[1]) / ((stamp - before[0]) / 1e9)
                points.setdefault(f"cpu_ratio:{process}", {})[at] = max(0.0, ratio)
    return [
        Series(name, tuple(sorted(values)), tuple(values[t] for t in sorted(values)))
        for name, values in sorted(points.items())
    ]


def _cache(recording: Recording, origin: int, step_s: float) -> list[Series]:
    """Return the share of the app's cache reads that found something."""
    read: dict[int, list[int]] = {}
    for request in recording.requests:
        for span in request.spans:
            if span.kind == _CACHE and span.flags & _FOUND_OR_NOT:
                counts = read.setdefault(int((span.start_ns - origin) / 1e9 / step_s), [0, 0])
                counts[0] += bool(span.flags & _HIT)
                counts[1] += 1
    if not read:
        return []
    steps = sorted(read)
    times = tuple(step * step_s for step in steps)
    return [
        Series("cache_hit_ratio", times, tuple(read[step][0] / read[step][1] for step in steps))
    ]


def _values(sample: Mapping[str, object], process: str) -> dict[str, float]:
    named = {
        f"rss_bytes:{process}": _number(sample.get("rss_bytes")),
        "connections": _number(sample.get("connections")),
        "connections_active": _number(sample.get("active")),
        "waiting_locks": _number(sample.get("waiting_locks")),
        "users": _number(sample.get("users")),
        "load_lag_p99_s": _number(sample.get("lag_p99_s")),
    }
    return {name: value for name, value in named.items() if value is not None}


def _stamp(sample: Mapping[str, object]) -> int | None:
    stamp = sample.get("t_ns")
    return stamp if isinstance(stamp, int) else None


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
