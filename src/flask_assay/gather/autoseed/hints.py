"""What the app's SQLAlchemy metadata knows of a column and the catalog does not.

A column of text may hold an ``Enum`` that Python alone enforces, a UUID in hex, a pickle: random
text in it would make the app fail at its first read.
"""

import pickle
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Hint", "Hints", "read_hints"]


@dataclass(frozen=True, slots=True)
class Hint:
    """What is known of one column.

    Attributes:
        choices: The only values that Python accepts.
        fixed: One value that it can read back; None without such a need.
        typical: The value that Python fills in when none is given.
        is_hex_uuid: Text that must be a UUID without dashes.
        has_default: Whether Python fills in a value when none is given.
    """

    choices: tuple[Any, ...] = ()
    fixed: Any = None
    typical: Any = None
    is_hex_uuid: bool = False
    has_default: bool = False


Hints = Mapping[tuple[str, str], Hint]


def read_hints(metadata: Iterable[Any]) -> Hints:
    """Return hints by (table, column); tables of one name in two schemas share theirs.

    Args:
        metadata: The app's ``MetaData`` objects.
    """
    return {
        (table.name, column.name): _hint(column)
        for each in metadata
        for table in each.tables.values()
        for column in table.columns
    }


def _hint(column: Any) -> Hint:
    return Hint(
        choices=_choices(column.type),
        fixed=_fixed(column.type),
        typical=_typical(column.default),
        is_hex_uuid=_is_hex_uuid(column.type),
        has_default=column.default is not None,
    )


def _choices(kind: Any) -> tuple[Any, ...]:
    labels = getattr(kind, "enums", None) or getattr(getattr(kind, "impl", None), "enums", None)
    if labels:
        return tuple(labels)
    pairs = getattr(kind, "choices", None)
    if isinstance(pairs, (list, tuple)):
        return tuple(p[0] if isinstance(p, (list, tuple)) else p for p in pairs)
    return ()


def _fixed(kind: Any) -> Any:
    names = {base.__name__.lower() for base in type(kind).__mro__}
    if "pickletype" in names:
        return "\\x" + pickle.dumps({}).hex()
    is_wrapped = "typedecorator" in names
    if is_wrapped and any(word in name for name in names for word in ("json", "dict")):
        return "{}"
    if is_wrapped and any("list" in name for name in names):
        return "[]"
    return None


def _typical(default: Any) -> Any:
    value = getattr(default, "arg", None) if getattr(default, "is_scalar", False) else None
    value = getattr(value, "name", value) if hasattr(type(value), "__members__") else value
    return value if isinstance(value, (bool, int, float, str)) else None


def _is_hex_uuid(kind: Any) -> bool:
    names = {base.__name__.lower() for base in type(kind).__mro__}
    return any("uuid" in name or "guid" in name for name in names)
