"""coverage: what the recording saw and what it may have missed, counted from two sides."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from flask_assay.artifacts.reach import Reach, all_routes, reach_of
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.document import Reconciliation
from flask_assay.model.rows import ClientFlag, ClientRow, RequestFlag, SpanFlag, SpanKind
from flask_assay.model.sql_shape import is_counted, sql_shape

__all__ = ["Coverage", "coverage"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_BACKGROUND = int(RequestFlag.BACKGROUND)
_ERROR = int(SpanFlag.ERROR)
_EXECUTEMANY = int(SpanFlag.EXECUTEMANY)
_CENSORED = int(ClientFlag.CENSORED)
_NO_RESPONSE = int(ClientFlag.NO_RESPONSE)


_TASK_ERRORS_SHOWN = 3  # of one load worker, the most frequent


@dataclass(frozen=True, slots=True)
class Coverage:
    """What was seen.

    Attributes:
        reconciliations: Client = probe, probe = PostgreSQL.
        spans_dropped_count: Spans over the probe's caps.
        sensor_errors: Sensor and its last error, for those that failed.
        sensors_off: Sensors that are not running.
        unexercised_routes: "GET /about" of the app that the load did not reach.
        reach: How many routes answered.
        left_out: Reason and routes, for routes that derived journeys do not send.
        load_notes: What the load workers say of themselves, in sentences.
        probe_file_count: Processes of the target that recorded.
    """

    reconciliations: tuple[Reconciliation, ...]
    spans_dropped_count: int
    sensor_errors: Mapping[str, str]
    sensors_off: tuple[str, ...]
    unexercised_routes: tuple[str, ...]
    reach: Reach
    left_out: Mapping[str, tuple[str, ...]]
    load_notes: tuple[str, ...]
    probe_file_count: int


@artifact("coverage")
def coverage(view: View) -> Coverage:
    """Count both sides over the whole run."""
    recording = view.recording
    errors: dict[str, str] = {}
    off: set[str] = set()
    for file in recording.probe_files:
        for name, state in _mapping(file.counters.get("sensors")).items():
            state_of = _mapping(state)
            if state_of.get("errors"):
                errors[name] = str(state_of.get("last_error", ""))
            if not state_of.get("on", True):
                off.add(name)
    reached = {row.route for row in recording.requests}
    found = [one for one in (_requests(view), _statements(view)) if one is not None]
    left_out = _left_out(view)
    # A stream without end was asked once, to learn that it is one.
    silent = {route for routes in left_out.values() for route in routes} | (
        set(all_routes(view)) - reached
    )
    return Coverage(
        reconciliations=tuple(found),
        spans_dropped_count=sum(row.dropped_count for row in recording.requests),
        sensor_errors=errors,
        sensors_off=tuple(sorted(off)),
        unexercised_routes=tuple(route for route in all_routes(view) if route in silent),
        reach=reach_of(view),
        left_out=left_out,
        load_notes=_load_notes(view),
        probe_file_count=len(recording.probe_files),
    )


def _requests(view: View) -> Reconciliation | None:
    clients = view.recording.client_requests
    if not clients:
        return None
    sent = [row for row in clients if not row.flags & _CENSORED]
    exchanges = sum(max(1, row.exchange_count) for row in sent)
    seen = {
        row.request_id
        for row in view.recording.requests
        if row.request_id and not row.flags & _BACKGROUND
    }
    answered = {row.request_id for row in sent if row.request_id and not row.flags & _NO_RESPONSE}
    missing = exchanges - len(seen)
    explained = {"no response (cut off or refused)": missing} if missing > 0 else {}
    return Reconciliation(
        what="requests",
        left_name="sent by the client",
        left=exchanges,
        right_name="seen by the probe",
        right=len(seen),
        explained=explained,
        ok=0 <= missing <= _unanswered(view, sent) and answered <= seen,
    )


def _unanswered(view: View, sent: Sequence[ClientRow]) -> int:
    """Return how many exchanges got no response, so that the server may not have seen them."""
    counted = [file.counters.get("exchanges_unanswered") for file in view.recording.load_files]
    known = [count for count in counted if isinstance(count, int)]
    lost = sum(1 for row in sent if row.flags & _NO_RESPONSE)
    return max(lost, sum(known))


def _statements(view: View) -> Reconciliation | None:
    document = view.recording.document("statements")
    executions = document.get("executions")
    counters = [file.counters.get("queries") for file in view.recording.probe_files]
    counted = [count for count in counters if isinstance(count, int)]
    if not isinstance(executions, int) or not counted:
        return None
    missing = executions - sum(counted)
    reasons = {
        name: count
        for name, count in _mapping(document.get("unseen_explained")).items()
        if isinstance(count, int)
    }
    only_probe, only_server = _one_sided(view, document)
    explained = {name: min(count, only_server) for name, count in reasons.items()}
    accounted = sum(explained.values())
    uncounted = min(only_probe, max(0, accounted - missing))
    if uncounted:
        explained["server-side cursors, which PostgreSQL does not count"] = uncounted
    return Reconciliation(
        what="statements",
        left_name="seen by the probe",
        left=sum(counted),
        right_name="counted by PostgreSQL",
        right=executions,
        explained={name: count for name, count in explained.items() if count},
        ok=missing == accounted - uncounted,
    )


def _one_sided(view: View, document: Mapping[str, object]) -> tuple[int, int]:
    """Return executions of statements that only the probe saw, and that only PostgreSQL did."""
    probe: Counter[str] = Counter()
    for request in view.recording.requests:
        for span in request.spans:
            if span.kind is SpanKind.QUERY and not span.flags & _ERROR:
                probe[span.name] += max(1, span.rows) if span.flags & _EXECUTEMANY else 1
    seen: Counter[str] = Counter()
    for shape, count in probe.items():
        if is_counted(shape):
            seen[_comparable(shape)] += count
    server: Counter[str] = Counter()
    entries = document.get("statements")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, dict) and isinstance(entry.get("calls"), int):
            server[_comparable(sql_shape(str(entry.get("query", ""))))] += entry["calls"]
    only_probe = sum(count for shape, count in seen.items() if shape not in server)
    return only_probe, sum(count for shape, count in server.items() if shape not in seen)


def _comparable(shape: str) -> str:
    """Return a shape without what either side adds to it: casts, brackets, lengths of lists."""
    same = re.sub(r"\b(?:true|false|null)\b", "?", shape.lower())
    bare = re.sub(r"::\w+(?:\[\])?|[\s()\[\]]", "", same)
    short = re.sub(r"\?(?:,\?)+", "?", bare.replace("/*,...*/", ""))
    return re.sub(r"(?<=\w)in\?", "=?", short)  # a list of one is a comparison to the server


def _left_out(view: View) -> Mapping[str, tuple[str, ...]]:
    entries = view.recording.document("left-out-routes").get("routes")
    found: dict[str, tuple[str, ...]] = {}
    for entry in entries if isinstance(entries, list) else []:
        about = _mapping(entry)
        reason = str(about.get("reason", ""))
        found[reason] = (*found.get(reason, ()), str(about.get("route", "")))
    return found


def _load_notes(view: View) -> tuple[str, ...]:
    found: list[str] = []
    for file in view.recording.load_files:
        notes, errors = file.counters.get("notes"), file.counters.get("task_errors")
        found += [str(note) for note in (notes if isinstance(notes, list) else [])]
        for entry in (errors if isinstance(errors, list) else [])[:_TASK_ERRORS_SHOWN]:
            if isinstance(entry, list) and len(entry) == 3:
                place = f" at {entry[0]}" if entry[0] else ""  # none if Locust itself refused
                found.append(f"A task of the load failed {entry[2]:,} times{place}: {entry[1]}")
    return tuple(dict.fromkeys(found))


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
