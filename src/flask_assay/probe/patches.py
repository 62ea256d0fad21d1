"""Replace attributes of classes and modules, and put them back exactly as they were."""

from collections.abc import Callable
from typing import Any

__all__ = ["Patches"]

_ABSENT = object()


class Patches:
    """Everything that was replaced, in order."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []

    def replace(self, owner: Any, name: str, make: Callable[[Any], Any]) -> None:
        """Replace an attribute by what ``make`` returns for the original.

        A class or static method stays one: ``make`` sees the plain function.

        Raises:
            AttributeError: If the owner has no such attribute.
        """
        raw = vars(owner).get(name, _ABSENT)
        original = getattr(owner, name) if raw is _ABSENT else raw
        if isinstance(original, (classmethod, staticmethod)):
            new: Any = type(original)(make(original.__func__))
        else:
            new = make(original)
        setattr(owner, name, new)
        self._undo.append(lambda: _put_back(owner, name, new, raw))

    def replace_item(self, table: dict[Any, Any], key: Any, new: Any) -> None:
        """Replace the value of a key that is there."""
        old = table[key]
        table[key] = new

        def undo() -> None:
            if table.get(key) is new:
                table[key] = old

        self._undo.append(undo)

    def on_restore(self, undo: Callable[[], None]) -> None:
        """Call something when everything is put back."""
        self._undo.append(undo)

    def restore(self) -> None:
        """Put everything back, last first."""
        while self._undo:
            self._undo.pop()()


def _put_back(owner: Any, name: str, new: Any, raw: Any) -> None:
    # Somebody else may have wrapped our hook since: taking theirs away would break them.
    # Ours stays below it and, its switch being off, only passes calls on.
    if vars(owner).get(name) is not new:
        return
    if raw is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, raw)
