"""Lets psycopg2's C functions take a logical connection."""

from typing import Any

import psycopg2.extensions as ext

from flask_assay.sandbox.drivers.psycopg2_cursors import plain_register_type
from flask_assay.sandbox.drivers.psycopg2_link import Psycopg2Logical

__all__ = ["Psycopg2Patches", "quote_ident", "register_type", "unwrapped"]


def unwrapped(scope: Any) -> Any:
    """Return the physical connection behind a logical one or its cursor; others unchanged."""
    if type(scope) is Psycopg2Logical:
        return scope._assay_link.raw
    logical = getattr(scope, "_assay", None)
    return logical._assay_link.raw if logical is not None else scope


class Psycopg2Patches:
    """Lets psycopg2's C functions take a logical connection. ``attach`` and ``detach``."""

    def __init__(self) -> None:
        self._undo: list[tuple[Any, str, Any]] = []

    def attach(self) -> None:
        """Wrap the functions, also where psycopg2's own modules copied them; idempotent."""
        if self._undo:
            return
        from psycopg2 import _ipaddress, _json, _range, extras, sql

        for module in (ext, _ipaddress, _json, _range, extras):
            for name, wrapped in (("register_type", register_type), ("quote_ident", quote_ident)):
                if hasattr(module, name):
                    self._replace(module, name, wrapped)
        original = sql.Literal.as_string

        def as_string(literal: Any, context: Any) -> Any:
            return original(literal, unwrapped(context))

        self._replace(sql.Literal, "as_string", as_string)

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        self._undo.append((owner, name, getattr(owner, name)))
        setattr(owner, name, value)

    def detach(self) -> None:
        """Undo ``attach``; idempotent."""
        while self._undo:
            owner, name, value = self._undo.pop()
            setattr(owner, name, value)


def register_type(kind: Any, scope: Any = None) -> None:
    """Register a type caster; on a logical connection for its own cursors only."""
    if type(scope) is Psycopg2Logical:
        scope._types.append(kind)
    elif scope is None:
        plain_register_type(kind)
    else:
        plain_register_type(kind, scope)


_quote_ident = ext.quote_ident


def quote_ident(name: str, scope: Any) -> str:
    """Quote an identifier."""
    quoted: str = _quote_ident(name, unwrapped(scope))
    return quoted
