"""Do something as soon as a module is imported, without importing it for that."""

import importlib.util
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

__all__ = ["on_import"]


def on_import(name: str, then: Callable[[], None]) -> Callable[[], None]:
    """Call a function when a top-level module has been imported; at once if it has been.

    Args:
        name: Of the module; it need not be installed.
        then: Called once, in the thread that imports.

    Returns:
        What calls it off.
    """
    if name in sys.modules:
        then()
        return lambda: None
    watch = _Watch(name, then)
    watch.begin()
    return watch.end


class _Watch(MetaPathFinder):
    """Stands first among the finders until its module is found by the others."""

    def __init__(self, name: str, then: Callable[[], None]) -> None:
        self._name, self._then = name, then
        self._is_asking = False

    def begin(self) -> None:
        sys.meta_path.insert(0, self)

    def end(self) -> None:
        if self in sys.meta_path:
            sys.meta_path.remove(self)

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None, /
    ) -> ModuleSpec | None:
        """Return the spec that the other finders have, with a loader that tells."""
        if fullname != self._name or self._is_asking:
            return None
        # It stays until the module is executed: who only asks whether it is there imports nothing.
        self._is_asking = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._is_asking = False
        if spec is None or spec.loader is None:
            return None
        spec.loader = _Telling(spec.loader, self)
        return spec

    def imported(self) -> None:
        self.end()
        self._then()


class _Telling(Loader):
    """The module's own loader, but for what follows."""

    def __init__(self, loader: Any, watch: _Watch) -> None:
        self._loader, self._watch = loader, watch

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As the module's own loader does."""
        module: ModuleType | None = self._loader.create_module(spec)
        return module

    def exec_module(self, module: ModuleType) -> None:
        """As the module's own loader does; then tell."""
        module.__loader__ = self._loader
        if module.__spec__ is not None:
            module.__spec__.loader = self._loader
        self._loader.exec_module(module)
        self._watch.imported()
