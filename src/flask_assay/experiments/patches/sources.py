"""The Python files of a project that its app may import."""

import ast
from collections.abc import Iterator
from pathlib import Path

__all__ = ["python_files"]

_SKIPPED = frozenset({"tests", "test", "migrations", "alembic", "node_modules", "site-packages"})


def python_files(root: Path) -> Iterator[tuple[Path, str, ast.Module]]:
    """Yield path, text and syntax tree of each file that can be read."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if any(part in _SKIPPED or part.startswith((".", "venv", "env")) for part in parts[:-1]):
            continue
        try:
            text = path.read_text(encoding="utf-8")
            tree = ast.parse(text)
        except (OSError, SyntaxError, ValueError):
            continue
        yield path, text, tree
