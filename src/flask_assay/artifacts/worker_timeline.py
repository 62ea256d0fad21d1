"""worker-timeline: CPU and memory of the processes during the steady state."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import UnavailableError, View, artifact

__all__ = ["ProcessTimeline", "WorkerTimeline", "worker_timeline"]


@dataclass(frozen=True, slots=True)
class ProcessTimeline:
    """One process: points of (seconds since the steady state began, value).

    Attributes:
        process: "worker-1", "postgres" …
        pid: Its process id.
        cpu_s: CPU used in the steady state, seconds.
        rss_bytes: Resident size over time.
    """

    process: str
    pid: int
    cpu_s: float
    rss_bytes: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class WorkerTimeline:
    """All processes.

    Attributes:
        processes: By name and pid.
        busy_ratio: CPU in use over CPU there was, other programs' included where the machine
            was sampled; None if the machine is unknown.
    """

    processes: tuple[ProcessTimeline, ...]
    busy_ratio: float | None

    @property
    def workers(self) -> tuple[ProcessTimeline, ...]:
        """The target's worker processes."""
        return tuple(one for one in self.processes if one.process.startswith("worker"))


@artifact("worker-timeline")
def worker_timeline(view: View) -> WorkerTimeline:
    """Return the processes' use of CPU and memory.

    Raises:
        UnavailableError: If no sample lies in the steady state.
    """
    steady = view[steady_state]
    by_process: dict[tuple[str, int], list[Mapping[str, object]]] = {}
    for sample in view.recording.samples:
        stamp, pid = sample.get("t_ns"), sample.get("pid")
        if not isinstance(stamp, int) or not steady.start_ns <= stamp <= steady.end_ns:
            continue
        if isinstance(pid, int) and isinstance(sample.get("cpu_s"), int | float):
            by_process.setdefault((str(sample.get("process", "")), pid), []).append(sample)
    if not by_process:
        raise UnavailableError("no resource sample lies in the steady state")
    whole = by_process.pop(("machine", 0), None)
    found = tuple(
        _timeline(name, pid, samples, steady.start_ns)
        for (name, pid), samples in sorted(by_process.items())
    )
    cores = view.recording.document("environment").get("cpu_count")
    busy = None
    if isinstance(cores, int) and cores > 0 and steady.duration_s > 0:
        busy = sum(one.cpu_s for one in found) / steady.duration_s / cores
    machine = _machine_busy(whole) if whole is not None else None
    if machine is not None:
        busy = max(busy or 0.0, machine)
    return WorkerTimeline(found, busy)


def _machine_busy(samples: list[Mapping[str, object]]) -> float | None:
    busy, idle = (
        float(str(samples[-1].get(name, 0))) - float(str(samples[0].get(name, 0)))
        for name in ("cpu_s", "idle_s")
    )
    return busy / (busy + idle) if busy + idle > 0 else None


def _timeline(
    name: str, pid: int, samples: list[Mapping[str, object]], origin: int
) -> ProcessTimeline:
    cpu = [float(str(sample["cpu_s"])) for sample in samples]
    memory = tuple(
        ((int(str(sample["t_ns"])) - origin) / 1e9, float(str(sample["rss_bytes"])))
        for sample in samples
        if isinstance(sample.get("rss_bytes"), int | float)
    )
    return ProcessTimeline(name, pid, max(cpu) - min(cpu), memory)
