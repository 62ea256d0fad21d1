"""Find the line of the user's code that is responsible for what happens now."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

__all__ = ["CallSites"]

MAX_CACHED = 4_096
_NOT_THEIRS = ("site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "node_modules")
_PYTHON, _TEMPLATE, _FOREIGN = 1, 2, 0


class CallSites:
    """Names call sites as "file:line function", with the file relative to the project.

    A template counts as the user's code; its line is the template's own. Of a template that
    came from a string the file reads "<template>".

    Args:
        root: The project. Files of installed packages below it are not the user's.
        name: Returns the id of a site's text.
    """

    def __init__(self, root: Path, name: Callable[[str], int]) -> None:
        self._root = str(root).rstrip("/") + "/"
        self._own = str(Path(__file__).parent.parent) + "/"
        self._name = name
        self._files: dict[str, int] = {}
        self._ids: dict[tuple[str, int, str], int] = {}

    def reset(self) -> None:
        """Forget all ids."""
        self._ids.clear()

    def find(self) -> int:
        """Return the id of the innermost frame that is the user's code, 0 if there is none."""
        files = self._files
        frame: FrameType | None = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            file = code.co_filename
            kind = files.get(file)
            if kind is None:
                kind = self._classify(file)
            if kind and (kind == _PYTHON or "__jinja_template__" in frame.f_globals):
                key = (file, frame.f_lineno, code.co_name)
                found = self._ids.get(key)
                return self._add(key, frame, kind) if found is None else found
            frame = frame.f_back
        return 0

    def _classify(self, file: str) -> int:
        kind = _FOREIGN
        if file == "<template>":
            kind = _TEMPLATE
        elif file.startswith(self._root) and not file.startswith(self._own):
            folders = file[len(self._root) :].split("/")[:-1]
            if not any(folder in _NOT_THEIRS for folder in folders):
                kind = _PYTHON if file.endswith(".py") else _TEMPLATE
        if len(self._files) >= MAX_CACHED:
            self._files.clear()
        self._files[file] = kind
        return kind

    def _add(self, key: tuple[str, int, str], frame: FrameType, kind: int) -> int:
        file, line, function = key
        if kind == _TEMPLATE:
            template: Any = frame.f_globals["__jinja_template__"]
            line = template.get_corresponding_lineno(line)
            function = "template"
        found = self._name(f"{file.removeprefix(self._root)}:{line} {function}")
        if len(self._ids) >= MAX_CACHED:
            self._ids.clear()
        self._ids[key] = found
        return found
