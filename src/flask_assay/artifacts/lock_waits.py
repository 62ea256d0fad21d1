"""lock-waits: how many connections waited for a lock, and which writes were slow meanwhile."""

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import UnavailableError, View, artifact
from flask_assay.model.rows import SpanKind

__all__ = ["LockWaits", "lock_waits"]

_LOCKS = re.compile(r"\s*(UPDATE|DELETE|INSERT)\b|.*\bFOR\s+(NO\s+KEY\s+)?UPDATE\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LockWaits:
    """Waits for locks in the steady state.

    Attributes:
        samples: Connections that waited, by sample.
        excess_ns: Time of each locking statement's executions beyond their median.
    """

    samples: tuple[int, ...]
    excess_ns: Mapping[str, float]


@artifact("lock-waits")
def lock_waits(view: View) -> LockWaits:
    """Return the waits.

    Raises:
        UnavailableError: If PostgreSQL was not sampled.
    """
    steady = view[steady_state]
    samples = tuple(
        int(str(sample["waiting_locks"]))
        for sample in view.recording.samples
        if isinstance(sample.get("waiting_locks"), int)
        and steady.start_ns <= int(str(sample.get("t_ns", 0))) <= steady.end_ns
    )
    if not samples:
        raise UnavailableError("waits for locks were not sampled in the steady state")
    return LockWaits(samples, _excess(view) if any(samples) else {})


def _excess(view: View) -> Mapping[str, float]:
    times: dict[str, list[int]] = {}
    for request in view[steady_state].requests:
        for span in request.spans:
            if span.kind is SpanKind.QUERY and _LOCKS.match(span.name):
                times.setdefault(span.name, []).append(span.wall_ns)
    found = {}
    for statement, walls in times.items():
        typical = statistics.median(walls)
        found[statement] = sum(max(0.0, wall - typical) for wall in walls)
    return found
