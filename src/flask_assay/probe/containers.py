"""Containers that live as long as the process: globals and class attributes of user modules."""

import sys
from collections import deque
from collections.abc import Iterator, Mapping
from functools import _lru_cache_wrapper
from typing import Any

from flask_assay.probe.call_sites import FOREIGN, CallSites

__all__ = ["Containers"]

MAX_CONTAINERS = 5_000
_KINDS = (dict, list, set, deque, _lru_cache_wrapper)
_Owner = tuple[str, str, Mapping[str, Any]]  # file, what stands before the name, namespace


class Containers:
    """Knows them by "file:name", and how many entries each has.

    Args:
        sites: Knows which files are the user's.
    """

    def __init__(self, sites: CallSites) -> None:
        self._sites = sites
        self._known: dict[str, tuple[Any, str]] = {}  # name → namespace, key

    def look(self) -> None:
        """Find what there is now; what is gone is forgotten."""
        known: dict[str, tuple[Any, str]] = {}
        for file, prefix, namespace in self._owners():
            for key, value in list(namespace.items()):
                if isinstance(value, _KINDS) and not key.startswith("__"):
                    known[f"{file}:{prefix}{key}"] = (namespace, key)
            if len(known) >= MAX_CONTAINERS:
                break
        self._known = known

    def sizes(self) -> dict[str, int]:
        """Return the entries of each that may grow without end."""
        found = {}
        for name, (namespace, key) in self._known.items():
            size = _size(namespace.get(key))
            if size is not None:
                found[name] = size
        return found

    def _owners(self) -> Iterator[_Owner]:
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if not isinstance(file, str):
                continue
            if self._sites.kind(file) == FOREIGN:
                continue
            short = self._sites.relative(file)
            yield short, "", vars(module)
            for key, value in list(vars(module).items()):
                if isinstance(value, type) and value.__module__ == name:
                    yield short, f"{key}.", vars(value)


def _size(value: Any) -> int | None:
    if isinstance(value, _lru_cache_wrapper):
        info = value.cache_info()
        return info.currsize if info.maxsize is None else None
    if isinstance(value, deque) and value.maxlen is not None:
        return None
    try:
        return len(value)
    except Exception:  # a subclass of the user's own, or something else by now
        return None
