"""Which process is which: identities that survive the reuse of process ids.

A process id alone names nobody: ids return. An ``Identity`` adds the start time and the boot,
and everything here that leads to a signal goes through one.

Standard library only, no state: the launcher and the watchdog run this in interpreters of
their own, and wait for all that it imports. Hence tuples with names rather than dataclasses,
whose making takes as long as such an interpreter's start.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

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
_SERVERS = frozenset({"postgres", "valkey-server"})
_CHUNK = 1 << 16


class Identity(NamedTuple):
    """One process, for as long as it lives and never another.

    Attributes:
        pid: Process id.
        start: When it started, as the system counts it (clock ticks since boot on Linux).
        boot: Of which boot of the machine.
    """

    pid: int
    start: str
    boot: str


class ProcessRow(NamedTuple):
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
        return parse_stat(_text(f"{PROC}/{pid}/stat").decode(errors="replace"))
    except (OSError, ValueError, IndexError):
        return None


def _text(path: str) -> bytes:
    """Return what is in a file of ``/proc``; a machine has hundreds, so no object for each."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        text = b""
        while chunk := os.read(descriptor, _CHUNK):
            text += chunk
        return text
    finally:
        os.close(descriptor)


def table() -> dict[int, ProcessRow]:
    """Return the machine's live processes by pid, as far as they are visible to us."""
    if not PROC.joinpath("self").exists():
        rows: Iterable[ProcessRow | None] = _ps_rows("-A")
    else:
        rows = (_proc_row(int(name)) for name in os.listdir(PROC) if name.isdecimal())  # noqa: PTH208 - names
    return {row.pid: row for row in rows if row is not None and row.is_live}


def _ps_rows(*which: str) -> list[ProcessRow]:
    """Read the table from ``ps``, for systems without ``/proc``."""
    import subprocess  # noqa: PLC0415 - the launcher waits for its imports, and uses none of it

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
        environment = _text(f"{PROC}/{pid}/environ")
    except OSError:
        return False
    return f"{RUN_VARIABLE}={run_id}".encode() in environment.split(b"\0")


def _serves(pid: int, data: Sequence[Path]) -> bool:
    try:
        binary = Path(os.readlink(f"{PROC}/{pid}/exe")).name  # noqa: PTH115 - of every process
        if binary.removesuffix(" (deleted)") not in _SERVERS:
            return False
        place = Path(f"{PROC}/{pid}/cwd").readlink()
    except OSError:
        return False
    return any(place.is_relative_to(each) for each in data)
