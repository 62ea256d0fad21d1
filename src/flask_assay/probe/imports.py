"""Call something as soon as a module has been imported, be it now or later.

Sensors patch libraries that the app may import later or never. Importing them for the app would
cost it memory and start-up time for what it does not use, and would load ``ssl`` before gevent
could patch it; so they are patched in the moment in which the app itself imports them.
"""

import sys
from collections.abc import Callable, Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["ImportWatch"]


class ImportWatch(MetaPathFinder):
    """Calls back once for each watched module, right after its code has run."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callable[[ModuleType], None]]] = {}

    def watch(self, module: str, callback: Callable[[ModuleType], None]) -> None:
        """Call back with the module: at once if it is imported already."""
        loaded = sys.modules.get(module)
        if loaded is not None and not _is_loading(loaded):
            callback(loaded)
        else:
            self._callbacks.setdefault(module, []).append(callback)

    def start(self) -> None:
        """Begin to see imports."""
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)

    def stop(self) -> None:
        """See no more imports."""
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        self._callbacks.clear()

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec that the other finders find, with a loader that reports back."""
        callbacks = self._callbacks.get(fullname)
        if not callbacks:
            return None
        spec = self._find_elsewhere(fullname, path, target)
        if spec is None or spec.loader is None:
            return spec
        loader: Any = spec.loader
        execute = loader.exec_module

        def exec_module(module: ModuleType) -> None:
            loader.__dict__.pop("exec_module", None)
            execute(module)
            for callback in self._callbacks.pop(fullname, ()):
                callback(module)

        try:
            loader.exec_module = exec_module
        except AttributeError:  # a loader without a __dict__: the module stays unobserved
            return spec
        return spec

    def _find_elsewhere(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> ModuleSpec | None:
        for finder in sys.meta_path:
            if finder is self or not hasattr(finder, "find_spec"):
                continue
            spec = finder.find_spec(fullname, path, target)
            if spec is not None:
                return spec
        return None


def _is_loading(module: ModuleType) -> bool:
    return bool(getattr(getattr(module, "__spec__", None), "_initializing", False))
