"""Directory trees that outlive a run: published whole, and used only while they are whole.

They may lie under the system's temporary directory, where cleaners remove single files by age.
"""

import os
import shutil
from pathlib import Path

__all__ = ["is_whole", "publish"]


def publish(beside: Path, tree: Path) -> None:
    """Rename a finished tree into its place; where another run was quicker, keep that one's."""
    count = _count(beside)
    if is_whole(tree):
        shutil.rmtree(beside)
        return
    shutil.rmtree(tree, ignore_errors=True)
    _sidecar(tree).write_text(str(count))
    try:
        beside.rename(tree)
    except OSError:
        shutil.rmtree(beside)
        if not is_whole(tree):
            raise


def is_whole(tree: Path) -> bool:
    """Tell whether a published tree still has all its files."""
    try:
        return int(_sidecar(tree).read_text()) == _count(tree)
    except (OSError, ValueError):
        return False


def _sidecar(tree: Path) -> Path:
    return tree.with_name(f"{tree.name}.count")


def _count(tree: Path) -> int:
    return sum(len(files) for _, _, files in os.walk(tree))
