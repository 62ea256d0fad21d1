"""Free disk space, asked before it is missed: a full disk makes PostgreSQL panic."""

import os
from collections.abc import Callable
from pathlib import Path

from flask_assay.errors import ServiceError

__all__ = ["NEEDED_BYTES", "free_bytes", "require_space"]

NEEDED_BYTES = 1_000_000_000
"""A run's directory is kept below half of this; the rest is room for the machine's neighbours."""

FreeSpace = Callable[[Path], int]


def free_bytes(path: Path) -> int:
    """Return the bytes that may still be written where a path lies."""
    system = os.statvfs(path)
    return system.f_bavail * system.f_frsize


def require_space(
    path: Path, *, needed_bytes: int = NEEDED_BYTES, free_space: FreeSpace = free_bytes
) -> None:
    """Refuse to start on a disk that is nearly full.

    Args:
        path: An existing directory on the file system in question.
        needed_bytes: What must be free.
        free_space: How to ask; tests answer for the machine.

    Raises:
        ServiceError: With the place, what is free and what is needed.
    """
    free = free_space(path)
    if free < needed_bytes:
        raise ServiceError(
            f"{free / 1e9:.2f} GB free at {path}: a run needs {needed_bytes / 1e9:.2f} GB",
            why="PostgreSQL stops with a panic when the disk is full, and the app would see "
            'only "server closed the connection".',
            todo="Free some space, or set XDG_CACHE_HOME to a directory on a larger disk.",
        )
