"""Answer the single GETs that a request sends to Redis from one MGET.

A simulated rewrite: the first visit of a path notes the keys; a later visit of the same path
asks for all of them in one trip. Any other command empties the memory, so nothing that was
written meanwhile is missed.
"""

from typing import Any

from flask_assay.experiments.interventions.stand_in import (
    IsOn,
    Parameters,
    Undo,
    always,
    on_endpoint,
    put,
)

__all__ = ["apply"]

_LEAST = 2


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Fold an endpoint's GETs from now on.

    Parameters: "endpoint".
    """
    import redis.client
    from flask import g, request

    is_here = on_endpoint(parameters["endpoint"], is_on)
    owner: Any = redis.client.Redis
    original: Any = owner.execute_command
    foreseen: dict[str, list[Any]] = {}

    def execute_command(self: Any, *given: Any, **options: Any) -> Any:
        if not is_here():
            return original(self, *given, **options)
        if given[:1] != ("GET",) or len(given) != 2:
            g._assay_folded = {}
            return original(self, *given, **options)
        seen = g.setdefault("_assay_keys", [])
        seen.append(given[1])
        keys = foreseen.get(request.full_path, ())
        foreseen[request.full_path] = seen
        if len(seen) == 1 and len(keys) >= _LEAST:
            g._assay_folded = dict(zip(keys, original(self, "MGET", *keys), strict=True))
        memory: dict[Any, Any] = g.setdefault("_assay_folded", {})
        return memory[given[1]] if given[1] in memory else original(self, *given, **options)

    return put(owner, "execute_command", execute_command)
