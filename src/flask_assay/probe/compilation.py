"""Whether the two hot paths are there compiled; without them, all the same is done in Python."""

import hashlib
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["COMPILED", "load"]

_SOURCE = Path(__file__).with_name("compiled.pyx")


def load(source: Path = _SOURCE) -> Any:
    """Return the compiled module, None if there is none that was built from this source.

    In a tree that is worked on it may be older than its source: it would crash at what changed
    since, or record it the old way.
    """
    try:
        module: Any = import_module("flask_assay.probe.compiled")
        if source.exists():
            digest = hashlib.sha256(source.read_bytes()).hexdigest()
            return module if digest == module.SOURCE else None
    except Exception:  # not built here, or built from another release
        return None
    return module


COMPILED: Any = load()
