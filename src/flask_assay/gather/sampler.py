"""Sample CPU time and resident memory of the run's processes from ``/proc``."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask_assay.model.clock import Clock
from flask_assay.recording.directory import SAMPLES, append_line

__all__ = ["Sampler", "descendants"]

_TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True, slots=True)
class Usage:
    """CPU and memory of one process."""

    cpu_s: float
    rss_bytes: int


@dataclass(slots=True)
class Sampler:
    """Writes one line per process each time it is asked to.

    Attributes:
        recording: Directory of the recording.
        groups: Name of a part ("target", "postgres" …) to the pid of its first process.
        clock: Source of time.
        period_s: Least time between two samples.
    """

    recording: Path
    groups: Mapping[str, int]
    clock: Clock
    period_s: float = 1.0
    _last_ns: int = 0

    def is_due(self) -> bool:
        """Whether the period since the last sample is over."""
        return self.clock.monotonic_ns() - self._last_ns >= self.period_s * 1e9

    def sample(self, live: Mapping[str, int] | None = None) -> None:
        """Write a sample of every part, and counts of the app's connections if given."""
        now = self._last_ns = self.clock.monotonic_ns()
        for name, pid in self.groups.items():
            for label, member, usage in _group(name, pid):
                line = {"t_ns": now, "process": label, "pid": member}
                append_line(
                    self.recording,
                    SAMPLES,
                    {**line, "cpu_s": usage.cpu_s, "rss_bytes": usage.rss_bytes},
                )
        machine = _machine()
        if machine is not None:
            line = {"t_ns": now, "process": "machine", "pid": 0}
            append_line(
                self.recording, SAMPLES, {**line, "cpu_s": machine[0], "idle_s": machine[1]}
            )
        if live:
            append_line(self.recording, SAMPLES, {"t_ns": now, "process": "postgres", **live})


def _group(name: str, pid: int) -> Iterator[tuple[str, int, Usage]]:
    """Yield a target's master and workers apart, and other parts as one sum."""
    members = [pid, *descendants(pid)]
    found = [(member, usage) for member in members if (usage := _usage(member)) is not None]
    if name == "target":
        for number, (member, usage) in enumerate(found):
            yield ("master" if number == 0 else f"worker-{number}"), member, usage
    elif found:
        total = Usage(sum(u.cpu_s for _, u in found), sum(u.rss_bytes for _, u in found))
        yield name, pid, total


def _machine() -> tuple[float, float] | None:
    """Return seconds that all cores were busy and idle since boot; other programs count too."""
    try:
        first = Path("/proc/stat").read_text(encoding="ascii").partition("\n")[0].split()
        ticks = [int(field) for field in first[1:9]]
    except (OSError, ValueError):
        return None
    idle = sum(ticks[3:5])
    return (sum(ticks) - idle) / _TICKS_PER_S, idle / _TICKS_PER_S


def descendants(pid: int) -> list[int]:
    """Return the pids of all processes below one, in order of their pids."""
    found: list[int] = []
    waiting = [pid]
    while waiting:
        parent = waiting.pop()
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            children = [
                int(child) for task in tasks for child in (task / "children").read_text().split()
            ]
        except OSError:
            continue
        found.extend(children)
        waiting.extend(children)
    return sorted(found)


def _usage(pid: int) -> Usage | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return Usage((int(fields[11]) + int(fields[12])) / _TICKS_PER_S, int(fields[21]) * _PAGE_BYTES)
