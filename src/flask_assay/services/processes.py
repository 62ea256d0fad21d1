"""Which process is which: identities that survive the reuse of process ids.

A process id alone names nobody: ids return. An ``Identity`` adds the start time and the boot,
and everything here that leads to a signal goes through one.

Standard library only, no state: the launcher and the watchdog run this in interpreters of
their own.
"""

import os
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "RUN_VARIABLE",
    "Identity",
    "ProcessRow",
    "boot_id",
    "family",
    "identify",
    "is_alive",
    "marked",
    "parse_stat",
    "serving",
    "table",
]

RUN_VARIABLE = "ASSAY_RUN_ID"
"""Set for every process that a run starts, and inherited by whatever these start."""

PROC = Path("/proc")
_DEAD_STATES = frozenset("ZXx")


@dataclass(frozen=True, slots=True)
class Identity:
    """One process, for as long as it lives and never another.

    Attributes:
        pid: Process id.
        start: When it started, as the system counts it (clock ticks since boot on Linux).
        boot: Of which boot of the machine.
    """

    pid: int
    start: str
    boot: str


@dataclass(frozen=True, slots=True)
class ProcessRow:
    """One line of the process table."""

    pid: int
    parent: int
    group: int
    session: int
    start: str
    state: str

    @property
    def is_live(self) -> bool:
        """False for a zombie: it holds nothing, and only its parent can clear it away."""
        return self.state not in _DEAD_STATES


def parse_stat(text: str) -> ProcessRow:
    """Return the row in ``/proc/<pid>/stat``; the name may hold spaces and brackets."""
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return ProcessRow(
        pid=int(head.partition(" ")[0]),
        parent=int(fields[1]),
        group=int(fields[2]),
        session=int(fields[3]),
        start=fields[19],
        state=fields[0],
    )


def _row(pid: int) -> ProcessRow | None:
    if not PROC.joinpath("self").exists():
        return next((row for row in _ps_rows("-p", str(pid)) if row.pid == pid), None)
    return _proc_row(pid)


def _proc_row(pid: int) -> ProcessRow | None:
    try:
        return parse_stat(Path(f"{PROC}/{pid}/stat").read_text(errors="replace"))
    except (OSError, ValueError, IndexError):
        return None


def table() -> dict[int, ProcessRow]:
    """Return the machine's live processes by pid, as far as they are visible to us."""
    if not PROC.joinpath("self").exists():
        rows: Iterable[ProcessRow | None] = _ps_rows("-A")
    else:
        rows = (_proc_row(int(name)) for name in os.listdir(PROC) if name.isdecimal())  # noqa: PTH208 - names
    return {row.pid: row for row in rows if row is not None and row.is_live}


def _ps_rows(*which: str) -> list[ProcessRow]:
    """Read the table from ``ps``, for systems without ``/proc``."""
    listing = subprocess.run(
        ["ps", *which, "-o", "pid=,ppid=,pgid=,sess=,stat=,lstart="],
        capture_output=True,
        text=True,
        check=False,
        env={"LC_ALL": "C", "PATH": os.defpath},
    ).stdout
    parts = (line.split(None, 5) for line in listing.splitlines())
    return [
        ProcessRow(
            pid=int(pid),
            parent=int(parent),
            group=int(group),
            session=int(session, 16),
            start=start.strip(),
            state=state[0],
        )
        for pid, parent, group, session, state, start in parts
    ]


def boot_id() -> str:
    """Return what names this boot of the machine; empty where the system does not say."""
    try:
        return (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        return ""


def identify(pid: int) -> Identity | None:
    """Return the identity of a live process, None if there is none."""
    row = _row(pid)
    return Identity(pid, row.start, boot_id()) if row is not None and row.is_live else None


def is_alive(identity: Identity) -> bool:
    """Tell whether this very process lives: same pid, same start, same boot, no zombie."""
    return identify(identity.pid) == identity


def family(rows: Mapping[int, ProcessRow], roots: Iterable[int]) -> set[int]:
    """Return the roots, the members of the groups that they lead, and all descendants.

    The groups are needed because members outlive their parents, the descendants because they
    may leave the group: each PostgreSQL backend leads a group of its own.
    """
    found = {pid for pid in roots if pid in rows}
    while True:
        more = {
            row.pid
            for row in rows.values()
            if row.pid not in found and (row.parent in found or row.group in found)
        }
        if not more:
            return found
        found |= more


def marked(rows: Mapping[int, ProcessRow], run_id: str, *data: Path) -> set[int]:
    """Return the processes that carry a run's mark.

    The mark is the run id in the environment or, for a server that overwrites its environment
    with its title, a working directory inside the run's data that a server binary sits in.
    """
    return {pid for pid in rows if _has_variable(pid, run_id)} | serving(rows, *data)


def serving(rows: Mapping[int, ProcessRow], *data: Path) -> set[int]:
    """Return the server processes that work in data directories of ours."""
    return {pid for pid in rows if _serves(pid, data)}


def _has_variable(pid: int, run_id: str) -> bool:
    try:
        environment = (PROC / str(pid) / "environ").read_bytes()
    except OSError:
        return False
    return f"{RUN_VARIABLE}={run_id}".encode() in environment.split(b"\0")


def _serves(pid: int, data: Sequence[Path]) -> bool:
    try:
        place = (PROC / str(pid) / "cwd").readlink()
        binary = (PROC / str(pid) / "exe").readlink().name.removesuffix(" (deleted)")
    except OSError:
        return False
    if binary not in {"postgres", "valkey-server"}:
        return False
    return any(place.is_relative_to(each) for each in data)
