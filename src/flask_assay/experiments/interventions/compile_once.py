"""Compile each template text once instead of at each rendering."""

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

_MOST_TEMPLATES = 1000


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Keep what an endpoint's requests compile from now on.

    Parameters: "endpoint".
    """
    from jinja2 import Environment

    is_here = on_endpoint(parameters["endpoint"], is_on)
    original = Environment.from_string
    kept: dict[tuple[int, str], Any] = {}

    def from_string(self: Any, source: Any, *given: Any, **named: Any) -> Any:
        if given or named or not isinstance(source, str) or not is_here():
            return original(self, source, *given, **named)
        key = (id(self), source)
        if key not in kept:
            if len(kept) >= _MOST_TEMPLATES:
                return original(self, source)
            kept[key] = original(self, source)
        return kept[key]

    return put(Environment, "from_string", from_string)
