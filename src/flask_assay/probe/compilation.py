"""Whether the two hot paths are there compiled; without them, all the same is done in Python."""

from importlib import import_module
from typing import Any

__all__ = ["COMPILED"]


def _load() -> Any:
    try:
        return import_module("flask_assay.probe.compiled")
    except ImportError:  # not built here, or built from another release
        return None


COMPILED: Any = _load()
