"""Leftovers of dead runs: found by lock and owner, never by a process's name or id alone."""

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from flask_assay.services import memory
from flask_assay.services.extinction import extinguish, remove
from flask_assay.services.processes import is_alive
from flask_assay.services.run_dir import default_base, read_owner

__all__ = ["reap"]

UNFINISHED_S = 60.0
ABANDONED_S = 3600.0


def reap(base: Path | None = None) -> list[str]:
    """End and remove what dead runs of this user left behind.

    A run is dead if nobody holds its lock *and* its owner (pid, start time, boot) is gone.

    Args:
        base: Where runs lie; by default the per-user place.

    Returns:
        The ids of the runs that were removed.
    """
    base = default_base() if base is None else base
    _clear_cache(base / "cache")
    memory.sweep()
    runs = base / "runs"
    if not runs.is_dir():
        return []
    return [run.name for run in sorted(runs.iterdir()) if _reap_one(run)]


def _clear_cache(cache: Path) -> None:
    """Remove trees whose maker died before it published them."""
    for path in cache.glob(".*") if cache.is_dir() else ():
        if _age_s(path) > ABANDONED_S:
            shutil.rmtree(path, ignore_errors=True)


def _age_s(path: Path) -> float:
    try:
        return time.time() - path.lstat().st_mtime
    except OSError:
        return 0.0


def _reap_one(run: Path) -> bool:
    with _locked(run) as is_locked:
        if not is_locked:
            return False
        facts = read_owner(run)
        if facts is None:
            return _reap_unfinished(run)
        if is_alive(facts.owner):
            return False
        if not extinguish(run, facts.run_id):
            return False
        remove(run, Path(facts.sockets))
        return True


def _reap_unfinished(run: Path) -> bool:
    """Remove a directory whose maker died before it was whole; nothing ran in it."""
    if _age_s(run) < UNFINISHED_S:
        return False
    remove(run, run / "s")
    return True


@contextlib.contextmanager
def _locked(run: Path) -> Iterator[bool]:
    """Try a run's lock and say whether we have it; a missing one counts as free."""
    try:
        lock = os.open(run / "lock", os.O_RDWR)
    except FileNotFoundError:
        yield run.is_dir()
        return
    except OSError:
        yield False
        return
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield True
    except BlockingIOError:
        yield False
    finally:
        os.close(lock)
