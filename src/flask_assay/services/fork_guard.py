"""File descriptors that must be open in the owner alone.

``exec`` drops them, a bare ``fork`` does not: a forked child of the owner (multiprocessing, a
pre-forking server) would keep the watchdog's pipe and the run's lock, and the owner's death
would go unnoticed for as long as the child lives.
"""

import os

__all__ = ["keep_from_children", "release"]

_guarded: set[int] = set()
_registered: list[bool] = []


def keep_from_children(descriptor: int) -> None:
    """Close a descriptor in every child that is forked from now on."""
    if not _registered:
        os.register_at_fork(after_in_child=_close_all)
        _registered.append(True)
    _guarded.add(descriptor)


def release(descriptor: int) -> None:
    """Close a guarded descriptor here; harmless in a child, where that was done already."""
    if descriptor in _guarded:
        _guarded.discard(descriptor)
        os.close(descriptor)


def _close_all() -> None:
    for descriptor in _guarded:
        os.close(descriptor)
    _guarded.clear()
