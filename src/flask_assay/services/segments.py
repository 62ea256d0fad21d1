"""Shared memory that a killed postmaster leaves to the machine, for ever.

PostgreSQL keeps a segment of a few bytes as a lock on its data directory and writes its number
into ``postmaster.pid``. Linux only: elsewhere the table of segments cannot be read.
"""

import contextlib
import ctypes
from pathlib import Path

__all__ = ["release_segments"]

TABLE = Path("/proc/sysvipc/shm")
IPC_RMID = 0


def release_segments(data: Path) -> int:
    """Remove the segments of dead servers below a directory of ours; return how many.

    A segment goes only if number, key and maker are those in the server's own file and nobody
    is attached to it.
    """
    unused = _unused()
    released = 0
    paths: list[Path] = []
    with contextlib.suppress(OSError):  # whoever else ends the run removes the directory
        paths += data.glob("*/postmaster.pid")
    for path in paths:
        segment = _named_in(path)
        if segment in unused and _remove(segment[0]):
            released += 1
    return released


def _named_in(path: Path) -> tuple[int, int, int]:
    """Return (number, key, pid) from a server's lock file; zeros if they are not there."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        lines = path.read_text().splitlines()
        key, number = lines[6].split()
        return int(number), int(key) & 0xFFFFFFFF, abs(int(lines[0]))
    return 0, 0, 0


def _unused() -> set[tuple[int, int, int]]:
    """Return (number, key, maker's pid) of the segments that nobody is attached to."""
    try:
        lines = TABLE.read_text().splitlines()[1:]
    except OSError:
        return set()
    rows = (line.split() for line in lines)
    return {(int(r[1]), int(r[0]) & 0xFFFFFFFF, int(r[4])) for r in rows if r[6] == "0"}


def _remove(number: int) -> bool:
    with contextlib.suppress(OSError, AttributeError):
        return int(ctypes.CDLL(None).shmctl(number, IPC_RMID, None)) == 0
    return False
