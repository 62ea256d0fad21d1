"""Refuse to serve code from another directory than the patched one.

With an editable install, the modules of a worktree are easily imported from the original.
"""

import sys
from pathlib import Path
from typing import Any

from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["apply"]


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Check the modules that the app consists of.

    Parameters: "original", the user's directory.

    Raises:
        RuntimeError: If a module was imported from the original.
    """
    original = Path(parameters["original"])
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        # "__config__" is the server's own
        if file and not name.startswith("__") and _is_below(Path(file), original):
            raise RuntimeError(f"module {name} was imported from {file}, not from the worktree")
    return lambda: None


def _is_below(file: Path, directory: Path) -> bool:
    if not file.is_relative_to(directory):
        return False
    parts = file.relative_to(directory).parts
    return "site-packages" not in parts and not any(part.startswith(".") for part in parts)
