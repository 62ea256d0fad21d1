"""Put who is asking into the keys under which an endpoint's answers are cached.

Covers caches that stand on cachelib, as Flask-Caching does: the app's own cache and decorators
go on working, with other keys.
"""

import itertools
from typing import Any

from flask_assay.experiments.interventions.stand_in import (
    IsOn,
    Parameters,
    Undo,
    always,
    on_endpoint,
    put,
    undo,
)

__all__ = ["apply"]

_KEYED = ("get", "set", "add", "has", "delete")


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Change the keys from now on.

    Parameters: "endpoint"; and "fresh", whether each request gets keys of its own, so that
    nothing is ever found.
    """
    try:
        from cachelib.base import BaseCache
    except ImportError:
        return undo(())
    from flask import g, request

    is_here = on_endpoint(parameters["endpoint"], is_on)
    numbers = itertools.count()

    def identity() -> str:
        if parameters.get("fresh"):
            return f"{g.setdefault('_assay_fresh', next(numbers))}"
        sent = request.headers
        return f"{sent.get('Authorization', '')}\0{sent.get('Cookie', '')}"

    def keyed(original: Any) -> Any:
        def call(cache: Any, key: str, *given: Any, **named: Any) -> Any:
            # a backend may call its parent: the key is changed once
            if not is_here() or "\1" in str(key):
                return original(cache, key, *given, **named)
            return original(cache, f"{identity()}\1{key}", *given, **named)

        return call

    return undo(
        [
            put(owner, name, keyed(vars(owner)[name]))
            for owner in _family(BaseCache)
            for name in _KEYED
            if name in vars(owner)
        ]
    )


def _family(owner: Any) -> list[Any]:
    """Return a class and all that stand on it, each once."""
    found = [owner]
    for subclass in owner.__subclasses__():
        found.extend(each for each in _family(subclass) if each not in found)
    return found
