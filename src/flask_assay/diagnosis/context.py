"""What surrounds the findings: the load, the probe's own cost, the machine, the doubts."""

import itertools
from collections.abc import Mapping
from http import HTTPStatus

from flask_assay.artifacts.coverage import Coverage
from flask_assay.artifacts.reach import Reach
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import UnavailableError, View
from flask_assay.diagnosis.verdict import ANSWERED_RATIO
from flask_assay.model.rows import ClientFlag, Phase

__all__ = ["environment_of", "load_of", "overhead_of", "warnings_of"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_FAILED_OR_NO_RESPONSE = int(ClientFlag.FAILED | ClientFlag.NO_RESPONSE)

_LAG_MAX_S = 0.05  # of the load generator's own clock; later starts distort latency
_LAUNCH_REQUESTS = 200
_LIMITED_RATIO = 0.02  # of all requests
_ROUTES_SHOWN = 5
_REASONS_SHOWN = 3


def load_of(view: View) -> dict[str, object]:
    """Return users, model, phases and requests by phase."""
    found: dict[str, object] = {}
    stated = view.recording.manifest.get("load")
    if isinstance(stated, dict):
        found.update(stated)
    clients = view.recording.client_requests
    by_phase = dict.fromkeys((phase.name.lower().replace("_", "-") for phase in Phase), 0)
    for row in clients:
        by_phase[row.phase.name.lower().replace("_", "-")] += 1
    found["requests_by_phase"] = by_phase
    found["phases"] = _phases(view)
    load = (row for row in clients if row.phase is not Phase.SETUP)  # else a look before it
    found["failures"] = sum(1 for row in load if row.flags & _FAILED_OR_NO_RESPONSE)
    try:
        steady = view[steady_state]
    except UnavailableError:
        return found
    found["steady_s"] = steady.duration_s
    found["steady_requests"] = len(steady.requests)
    if steady.duration_s:
        found["requests_per_s"] = len(steady.requests) / steady.duration_s
    return found


def overhead_of(view: View, seen: Coverage) -> dict[str, object]:
    """Return what the probe cost and dropped, as far as it says."""
    self_ns = [file.counters.get("self_ns") for file in view.recording.probe_files]
    counted = [ns for ns in self_ns if isinstance(ns, int | float)]
    requests = len(view.recording.requests)
    found: dict[str, object] = {
        "spans_dropped": seen.spans_dropped_count,
        "processes": seen.probe_file_count,
        "sensors_off": list(seen.sensors_off),
        "sensor_errors": dict(seen.sensor_errors),
    }
    if counted and requests:
        found["probe_s_per_request"] = sum(counted) / 1e9 / requests
    measured = view.recording.document("overhead")
    return {**found, **measured}


def environment_of(view: View) -> dict[str, object]:
    """Return versions, server settings and the machine."""
    found = dict(view.recording.document("environment"))
    server = view.recording.document("server")
    if server:
        found["server"] = server
    app = view.recording.document("app")
    if app:
        found["app"] = {
            key: app.get(key) for key in ("debug", "testing", "engines", "extensions") if key in app
        }
    settings = view.recording.document("settings")
    if settings:
        found["settings"] = settings.get("settings", settings)
    return found


def warnings_of(view: View, seen: Coverage) -> tuple[str, ...]:
    """Return, in sentences, what makes the numbers less than they seem."""
    found = _reached(seen.reach)
    found += [
        f"{one.what.capitalize()}: {one.left:,} {one.left_name}, {one.right:,} {one.right_name}, "
        "and what is known does not explain the difference."
        for one in seen.reconciliations
        if not one.ok
    ]
    found += [
        f"The probe's {name} sensor failed and is off: {error}"
        for name, error in sorted(seen.sensor_errors.items())
    ]
    if seen.spans_dropped_count:
        found.append(f"{seen.spans_dropped_count:,} spans were over the probe's cap and dropped.")
    found += seen.load_notes
    found += _unexercised(seen)
    found += _limited(view)
    found += _incidents(view)
    found += _load_doubts(view)
    return tuple(found)


def _phases(view: View) -> dict[str, float]:
    """Return seconds by phase from the events."""
    stamps = [
        (event["t_ns"], str(event.get("phase", "")))
        for event in view.recording.events
        if event.get("event") == "phase" and isinstance(event.get("t_ns"), int)
    ]
    found: dict[str, float] = {}
    for (start, phase), (end, _) in itertools.pairwise(stamps):
        found[phase] = found.get(phase, 0.0) + (int(str(end)) - int(str(start))) / 1e9
    return found


def _reached(reach: Reach) -> list[str]:
    """Say how much of the app was seen, if it was little."""
    if not reach.total_count or reach.answered_count >= ANSWERED_RATIO * reach.total_count:
        return []
    silent = reach.total_count - sum(
        (
            reach.answered_count,
            reach.refused_count,
            reach.redirected_count,
            reach.failed_count,
        )
    )
    parts = [
        f"{count} {what}"
        for count, what in (
            (reach.refused_count, "refused every request (401, 403)"),
            (reach.redirected_count, "only redirected"),
            (reach.failed_count, "answered only errors"),
            (silent, "got no request"),
        )
        if count
    ]
    needs_login = reach.refused_count + reach.redirected_count
    advice = " Sign in: the setting `login`, or a locustfile." if needs_login else ""
    exercised = f"{reach.answered_count} of {reach.total_count} GET routes were exercised"
    return [f"{exercised}; {', '.join(parts)}.{advice}"]


def _unexercised(seen: Coverage) -> list[str]:
    routes = seen.unexercised_routes
    if not routes:
        return []
    shown = ", ".join(routes[:_ROUTES_SHOWN])
    more = f" and {len(routes) - _ROUTES_SHOWN} more" if len(routes) > _ROUTES_SHOWN else ""
    found = [f"Nothing can be said of routes that got no request: {shown}{more}."]
    reasons = [
        f"{', '.join(missing[:_ROUTES_SHOWN])}: {reason}."
        for reason, left_out in sorted(seen.left_out.items(), key=_importance)
        if (missing := [route for route in left_out if route in routes and route[:4] == "GET "])
    ]
    found += reasons[:_REASONS_SHOWN]
    if len(reasons) > _REASONS_SHOWN:
        found.append(
            f"{len(reasons) - _REASONS_SHOWN} more such reasons stand in left-out-routes.json."
        )
    return found


def _limited(view: View) -> list[str]:
    """Say of an app with a rate limiter what was measured instead of its work."""
    rows = view.recording.client_requests
    count = sum(row.status == HTTPStatus.TOO_MANY_REQUESTS for row in rows)
    if count < _LIMITED_RATIO * len(rows) or not count:
        return []
    text = (
        f"{count:,} of {len(rows):,} requests were answered 429: the app limits how often it is "
        "asked, and what it did not do could not be measured. Switch its rate limiter off for "
        "runs, as by RATELIMIT_ENABLED = False."
    )
    return [text]


def _importance(reason: tuple[str, object]) -> bool:
    """Rank what was too slow to be asked before what could not be asked at all."""
    return not reason[0].startswith("did not answer")


def _incidents(view: View) -> list[str]:
    return [
        str(event.get("text", event.get("kind", "")))
        for event in view.recording.events
        if event.get("event") == "incident"
    ]


def _load_doubts(view: View) -> list[str]:
    lags = [_number(sample, "lag_p99_s") for sample in view.recording.samples]
    late = [lag for lag in lags if lag is not None and lag > _LAG_MAX_S]
    known = [lag for lag in lags if lag is not None]
    found = []
    if known and len(late) > len(known) / 4:
        found.append(
            f"The load generator itself was late by up to {max(late) * 1000:.0f} ms (p99): "
            "latencies hold some of its own waiting. Use fewer users or a quieter machine."
        )
    try:
        count = len(view[steady_state].requests)
    except UnavailableError as error:
        return [*found, f"Nothing could be judged by time: {error}."]
    if count < _LAUNCH_REQUESTS:
        found.append(f"Only {count:,} requests in the steady state: quantiles are rough.")
    return found


def _number(sample: Mapping[str, object], name: str) -> float | None:
    value = sample.get(name)
    return float(value) if isinstance(value, int | float) else None
