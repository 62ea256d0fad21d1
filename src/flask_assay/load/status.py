"""The status file: how the load is getting on, replaced by rename."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path

__all__ = ["FailureGroup", "LoadProgress", "WorkerError", "read_status", "write_status"]


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures that say the same.

    Attributes:
        name: Name of the request, or the place in the locustfile.
        message: Class and message of the error.
        count: How often it happened.
    """

    name: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class WorkerError:
    """Why the worker ended without doing what the plan says.

    Attributes:
        kind: "usage" for a fault in the user's file or option, "load" otherwise.
        what: What happened, one line.
        why: The mechanism behind it.
        todo: Each way out.
    """

    kind: str
    what: str
    why: str = ""
    todo: str = ""


@dataclass(frozen=True, slots=True)
class LoadProgress:
    """A snapshot of the load.

    Attributes:
        phase: "setup", "warm-up", "steady", "drain" or "end".
        elapsed_s: Seconds since the worker started.
        left_s: Seconds left until the drain, as planned.
        users: Virtual users alive.
        requests: Requests finished, all phases.
        failures: Those that failed.
        requests_per_s: Over the last five seconds.
        p50_s: Median of the last five seconds; 0 if nothing finished.
        p95_s: 95th percentile of the last five seconds; 0 if nothing finished.
        all_failing: Whether the first requests failed without exception, so that going on
            measures nothing.
        top_failures: Most frequent failures of requests.
        task_errors: Most frequent exceptions of the user's tasks and ``on_start``.
        lag_p99_s: How late the generator itself was, last second; None if unknown.
        cpu_ratio: Share of one core that the generator used, last second; None if unknown.
        notes: What a reader of the result should know, in sentences.
        error: Why the worker gave up; None if it did not.
    """

    phase: str = "setup"
    elapsed_s: float = 0.0
    left_s: float = 0.0
    users: int = 0
    requests: int = 0
    failures: int = 0
    requests_per_s: float = 0.0
    p50_s: float = 0.0
    p95_s: float = 0.0
    all_failing: bool = False
    top_failures: tuple[FailureGroup, ...] = ()
    task_errors: tuple[FailureGroup, ...] = ()
    lag_p99_s: float | None = None
    cpu_ratio: float | None = None
    notes: tuple[str, ...] = ()
    error: WorkerError | None = None


def write_status(path: Path, progress: LoadProgress) -> None:
    """Replace the status file; a reader sees the old one or the new one, whole."""
    beside = path.with_suffix(".part")
    beside.write_text(json.dumps(asdict(progress)), encoding="utf-8")
    beside.replace(path)


def read_status(path: Path) -> LoadProgress | None:
    """Return what the worker last said, None if it has not said anything yet."""
    try:
        raw = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None
    known = {entry.name for entry in fields(LoadProgress)}
    value = {key: entry for key, entry in raw.items() if key in known}
    for name in ("top_failures", "task_errors"):
        value[name] = tuple(FailureGroup(**entry) for entry in value.get(name, ()))
    value["notes"] = tuple(value.get("notes", ()))
    error = value.get("error")
    value["error"] = WorkerError(**error) if error else None
    return LoadProgress(**value)
