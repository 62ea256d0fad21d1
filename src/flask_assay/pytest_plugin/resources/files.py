"""Folders that an app writes to, moved into a directory of the test's own."""

import contextlib
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["moved_folders"]

_SETTING = re.compile(r".*_(?:FOLDER|DEST)|(?:.*_)?(?:UPLOADS?|MEDIA)_(?:PATH|DIR|DIRECTORY|ROOT)")


@contextlib.contextmanager
def moved_folders(app: Any, directory: Path) -> Iterator[None]:
    """Point the app's instance path and upload settings into `directory` for a while.

    Settings that hold a path are moved if they end in ``_FOLDER`` or ``_DEST``, or are about
    uploads or media and end in ``_PATH``, ``_DIR``, ``_DIRECTORY`` or ``_ROOT``.
    """
    moved = {
        name: value
        for name, value in app.config.items()
        if _SETTING.fullmatch(name) and isinstance(value, (str, Path))
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
