"""Find the SQLAlchemy metadata and engines that an app's modules hold."""

import sys
from collections.abc import Iterator
from typing import Any

__all__ = ["find_engines", "find_metadata"]


def find_metadata() -> list[Any]:
    """Return every ``MetaData`` with tables: a module's own, or a mapped base's."""
    from sqlalchemy import MetaData

    found: dict[int, Any] = {}
    for value in _values():
        metadata = vars(value).get("metadata") if isinstance(value, type) else value
        if isinstance(metadata, MetaData) and metadata.tables:
            found[id(metadata)] = metadata
        for each in getattr(value, "metadatas", None) or {} if _is_extension(value) else ():
            found[id(value.metadatas[each])] = value.metadatas[each]
    return list(found.values())


def find_engines() -> list[Any]:
    """Return every engine that is a global of a module."""
    from sqlalchemy.engine import Engine

    found: dict[int, Any] = {id(value): value for value in _values() if isinstance(value, Engine)}
    return list(found.values())


def _is_extension(value: Any) -> bool:
    """Whether a value is Flask-SQLAlchemy's, which keeps one metadata per bind."""
    return type(value).__name__ == "SQLAlchemy" and isinstance(
        getattr(value, "metadatas", None), dict
    )


def _values() -> Iterator[Any]:
    for module in list(sys.modules.values()):
        if hasattr(module, "__dict__"):
            yield from list(vars(module).values())
