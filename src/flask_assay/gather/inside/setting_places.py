"""Find the lines of the user's files that give the pool and the server their sizes."""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

__all__ = ["setting_places"]

_NOT_THEIRS = {"site-packages", "dist-packages", ".venv", "venv", ".tox", ".nox"}
_POOL = ("pool_size", "max_overflow")
_SERVER = ("threads", "workers", "worker_class")
_SERVER_FILE = "gunicorn.conf.py"


def setting_places(project_root: str, engine: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return file and line by setting; one that stands in no line, or in several, is left out.

    Args:
        project_root: Modules below it that are loaded are read, and Gunicorn's default file.
        engine: The sizes in force, so that a line of another configuration is not taken.
    """
    root = Path(project_root)
    found: dict[str, dict[str, Any]] = {}
    modules = list(_modules(root))
    for name in _POOL:
        value = rf"\s*{engine[name]}\b" if isinstance(engine.get(name), int) else r"\s*$never"
        _add(found, root, modules, (name, rf"""\b{name}\b["']?\s*[:=]{value}"""))
    for name in _SERVER:
        _add(found, root, [root / _SERVER_FILE], (name, rf"^{name}\s*="))
    return found


def _modules(root: Path) -> Iterator[Path]:
    files = {getattr(module, "__file__", None) for module in list(sys.modules.values())}
    for file in sorted(file for file in files if file):
        path = Path(file)
        if path.is_relative_to(root) and not _NOT_THEIRS & set(path.relative_to(root).parts):
            yield path


def _add(
    found: dict[str, dict[str, Any]], root: Path, files: list[Path], wanted: tuple[str, str]
) -> None:
    name, pattern = wanted
    hits = [
        {"file": str(path.relative_to(root)), "line": number}
        for path in files
        for number, line in enumerate(_lines(path), 1)
        if re.search(pattern, line.partition("#")[0])
    ]
    if len(hits) == 1:
        found[name] = hits[0]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []
