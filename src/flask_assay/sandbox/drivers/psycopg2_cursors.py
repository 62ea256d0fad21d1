"""psycopg2's cursors: real ones on the physical connection, run through the link."""

from typing import Any
from weakref import WeakKeyDictionary

import psycopg2.extensions as ext

__all__ = ["plain_register_type", "sandboxed"]

_classes: WeakKeyDictionary[type, type] = WeakKeyDictionary()
plain_register_type = ext.register_type


def sandboxed(factory: Any) -> Any:
    """Return a subclass of a cursor class that runs its statements through the link."""
    if not isinstance(factory, type):
        return factory
    made = _classes.get(factory)
    if made is None:
        made = type(factory.__name__, (_CursorMixin, factory), {"__module__": factory.__module__})
        _classes[factory] = made
    return made


class _CursorMixin:
    """Overrides what sends something."""

    _assay: Any
    name: Any

    @property
    def connection(self) -> Any:
        return self._assay

    def execute(self, query: Any, vars: Any = None) -> Any:  # noqa: A002 - psycopg2's signature
        text, query = _text(query, self._assay)
        call = super().execute  # type: ignore[misc]  # the driver's class follows in the MRO
        if self.name is None:
            return self._assay.run(text, lambda: call(query, vars))
        return self._assay.run(text, lambda: call(query, vars), declares=True)

    def executemany(self, query: Any, vars_list: Any) -> Any:
        text, query = _text(query, self._assay)
        call = super().executemany  # type: ignore[misc]  # as above
        return self._assay.run(text, lambda: call(query, vars_list))

    def callproc(self, procname: str, parameters: Any = None) -> Any:
        call = super().callproc  # type: ignore[misc]  # as above
        return self._assay.run(
            f"CALL {procname}", lambda: call(procname, *([parameters] if parameters else []))
        )

    def copy_expert(self, sql: Any, file: Any, size: int = 8192) -> Any:
        text, query = _text(sql, self._assay)
        call = super().copy_expert  # type: ignore[misc]  # as above
        return self._assay.run(text, lambda: call(query, file, size))

    def copy_from(self, file: Any, table: str, *arguments: Any, **named: Any) -> Any:
        call = super().copy_from  # type: ignore[misc]  # as above
        return self._assay.run(
            f"COPY {table} FROM STDIN", lambda: call(file, table, *arguments, **named)
        )

    def copy_to(self, file: Any, table: str, *arguments: Any, **named: Any) -> Any:
        call = super().copy_to  # type: ignore[misc]  # as above
        return self._assay.run(
            f"COPY {table} TO STDOUT", lambda: call(file, table, *arguments, **named)
        )


def _text(query: Any, logical: Any) -> tuple[str, Any]:
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace"), query
    if isinstance(query, str):
        return query, query
    if hasattr(query, "as_string"):
        text = query.as_string(logical._assay_link.raw)
        return text, text
    return str(query), query
