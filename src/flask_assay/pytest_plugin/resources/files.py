"""Folders that an app writes to, moved into a directory of the test's own."""

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["moved_folders"]

_SUFFIXES = ("_FOLDER", "_DEST", "_UPLOADS_DIR")


@contextlib.contextmanager
def moved_folders(app: Any, directory: Path) -> Iterator[None]:
    """Point the app's instance path and upload settings into `directory` for a while.

    Settings that end in ``_FOLDER``, ``_DEST`` or ``_UPLOADS_DIR`` and hold a path are moved.
    """
    moved = {
        name: value
        for name, value in app.config.items()
        if name.endswith(_SUFFIXES) and isinstance(value, (str, Path))
    }
    instance = app.instance_path
    for name in moved:
        place = directory / name.lower()
        place.mkdir()
        app.config[name] = str(place)
    app.instance_path = str(directory / "instance")
    Path(app.instance_path).mkdir()
    try:
        yield
    finally:
        app.config.update(moved)
        app.instance_path = instance
