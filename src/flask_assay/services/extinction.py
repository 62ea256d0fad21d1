"""End every process of a run, whoever asks: the watchdog, the reaper, or the owner's last resort.

Polite first: a postmaster that is killed leaves its shared memory segment behind. CONT before
all: a stopped process ignores everything but KILL until it continues.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from flask_assay.services.memory import data_places
from flask_assay.services.processes import (
    ProcessRow,
    boot_id,
    family,
    is_alive,
    marked,
    serving,
    table,
)
from flask_assay.services.registrations import Registration, read_registrations
from flask_assay.services.removal import remove_tree
from flask_assay.services.segments import release_segments
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["extinguish", "remove", "send"]

GRACE_S = 2.0
KILL_S = 2.0
_TERM = signal.SIGTERM


def send(pids: Iterable[int], number: int) -> None:
    """Signal processes; those that are gone meanwhile are none of our concern."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def extinguish(run: Path, run_id: str, *, grace_s: float = GRACE_S) -> bool:
    """End all processes of a run.

    Args:
        run: The run's directory.
        run_id: The mark that its processes carry.
        grace_s: Seconds between the polite signal and KILL.

    Returns:
        True if nothing is left alive.
    """
    leaders = [r for r in read_registrations(run / "processes") if is_alive(r.identity)]
    known: set[ProcessRow] = set()

    def left() -> set[int]:
        """Look again, and keep in sight what lost its parent, and with it its place, meanwhile."""
        rows = table()
        known.intersection_update(_same(known, rows))
        known.update(rows[pid] for pid in _members(rows, run, run_id))
        return {row.pid for row in known}

    everyone = left()
    places = data_places(run)
    if not everyone:
        _release(places)
        return True
    send(everyone, signal.SIGCONT)
    for registration in leaders:
        send([registration.identity.pid], registration.end_signal)
    # Backends are their postmaster's to end; anybody else (initdb's helper, a client) is ours.
    send(everyone - {r.identity.pid for r in leaders} - serving(table(), *places), _TERM)
    is_over = _comes_true(lambda: not left(), grace_s)

    def is_gone() -> bool:
        found = left()
        send(found, signal.SIGKILL)
        return not found

    is_over = is_over or _comes_true(is_gone, KILL_S)
    if is_over:
        _release(places)
    return is_over


def _release(places: Iterable[Path]) -> None:
    for place in places:
        release_segments(place)


def _comes_true(condition: Callable[[], bool], timeout_s: float) -> bool:
    try:
        return wait_until(condition, timeout_s=timeout_s, what="the end of a run")
    except WaitTimeoutError:
        return False


def _same(known: set[ProcessRow], rows: Mapping[int, ProcessRow]) -> set[ProcessRow]:
    return {row for row in known if row.pid in rows and rows[row.pid].start == row.start}


def _members(rows: Mapping[int, ProcessRow], run: Path, run_id: str) -> set[int]:
    found = marked(rows, run_id, *data_places(run))
    for registration in read_registrations(run / "processes"):
        found |= _of_one(rows, registration)
    return family(rows, found) - {os.getpid()}


def _of_one(rows: Mapping[int, ProcessRow], registration: Registration) -> set[int]:
    """Return a registered process or, if it is dead, what is left of its group.

    The system gives a group's id to nobody else while the group has members. That its leader is
    gone, the session is the same rules out a later group of that id.
    """
    identity = registration.identity
    row = rows.get(identity.pid)
    if row is not None:
        return {row.pid} if is_alive(identity) else set()
    if identity.boot != boot_id():
        return set()
    return {
        row.pid
        for row in rows.values()
        if row.group == identity.pid and row.session == registration.session
    }


def remove(run: Path, sockets: Path) -> None:
    """Remove what a run left on disk and in memory, its sockets first."""
    for place in (sockets, *data_places(run), run):
        remove_tree(place)
