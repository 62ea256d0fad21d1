"""Remove a run's files: thousands of them, while somebody waits for the prompt."""

import contextlib
import functools
import os
from pathlib import Path

__all__ = ["remove_tree"]

_MEMORY = Path("/dev/shm")  # noqa: S108 - nothing is made there
_UNLINKS_AT_ONCE = 16


def remove_tree(place: Path) -> None:
    """Remove a tree, as far as the system lets us; no link leads out of it.

    A cluster has hundreds of files for each database. In memory one is gone in microseconds, and
    threads would only cost more. A disk takes up to milliseconds to give back the blocks of one
    that was just written: one after the other they take seconds, so there many go at once.
    """
    if not place.is_relative_to(_MEMORY):
        # RuntimeError: no thread can be started as Python ends; the second pass does it all.
        with contextlib.suppress(OSError, RuntimeError):
            _unlink_at_once(place)
    with contextlib.suppress(OSError):
        for _, directories, names, place_fd in os.fwalk(place, topdown=False):
            for name in names:
                _unlink(place_fd, name)
            for name in directories:
                with contextlib.suppress(OSError):
                    os.rmdir(name, dir_fd=place_fd)
                    continue
                _unlink(place_fd, name)  # a link to a directory
        place.rmdir()


def _unlink_at_once(place: Path) -> None:
    # With logging, as much as the whole watchdog else imports.
    from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

    with ThreadPoolExecutor(_UNLINKS_AT_ONCE) as beside:
        # by descriptors, so that no link leads elsewhere
        for _, _, names, directory in os.fwalk(place):
            list(beside.map(functools.partial(_unlink, directory), names))


def _unlink(directory: int, name: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=directory)
