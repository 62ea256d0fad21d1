"""Find the line of the user's code that is responsible for what happens now."""

import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from flask_assay.model.rows import NO_USER_FRAME

__all__ = ["FOREIGN", "TEMPLATE", "CallSites"]

MAX_CACHED = 4_096
_NOT_THEIRS = ("site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox", "node_modules")
_PYTHON, TEMPLATE, FOREIGN = 1, 2, 0
_NOWHERE = ("", 0, "")


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
        """Return the id of the innermost frame that is the user's code, of "-" if there is none.

        Zero is kept for spans that were not looked up: nobody knows whose they are.
        """
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
        return self._ids.get(_NOWHERE) or self._add_nowhere()

    def _add_nowhere(self) -> int:
        found = self._ids[_NOWHERE] = self._name(NO_USER_FRAME)
        return found

    def kind(self, file: str) -> int:
        """Return whether a file is the user's code, a ``TEMPLATE`` of theirs, or ``FOREIGN``."""
        kind = self._files.get(file)
        return self._classify(file) if kind is None else kind

    def relative(self, file: str) -> str:
        """Return a file of the user relative to the project."""
        return file.removeprefix(self._root)

    def _classify(self, file: str) -> int:
        kind = FOREIGN
        if file == "<template>":
            kind = TEMPLATE
        elif file.startswith(self._root) and not file.startswith(self._own):
            folders = file[len(self._root) :].split("/")[:-1]
            if not any(folder in _NOT_THEIRS for folder in folders):
                kind = _PYTHON if file.endswith(".py") else TEMPLATE
        if len(self._files) >= MAX_CACHED:
            self._files.clear()
        self._files[file] = kind
        return kind

    def _add(self, key: tuple[str, int, str], frame: FrameType, kind: int) -> int:
        file, line, function = key
        if kind == TEMPLATE:
            template: Any = frame.f_globals["__jinja_template__"]
            line = template.get_corresponding_lineno(line)
            function = "template"
        found = self._name(f"{file.removeprefix(self._root)}:{line} {function}")
        if len(self._ids) >= MAX_CACHED:
            self._ids.clear()
        self._ids[key] = found
        return found
