"""A server's data directory, copied from a cached one and configured for one run.

Standard library only, because the launcher does it just before it becomes the server: our own
process goes on meanwhile.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

__all__ = ["Layout", "copy_tree"]

CHUNK = 1 << 24


class Layout(NamedTuple):
    """What a data directory is made of.

    Attributes:
        source: A tree to copy.
        target: Where it belongs; must not exist.
        appended: Text to add to files of it, by name.
        written: Text of further files, by name.
        uid: Who becomes its owner; None for the caller.
        gid: The owner's group.
    """

    source: str
    target: str
    appended: Mapping[str, str] = {}  # read only, as all of it
    written: Mapping[str, str] = {}
    uid: int | None = None
    gid: int | None = None

    def make(self) -> None:
        """Make it.

        Raises:
            OSError: The disk is full, or somebody removed the source.
        """
        copy_tree(Path(self.source), Path(self.target))
        for name, text in self.appended.items():
            with Path(self.target, name).open("a") as file:
                file.write(text)
        for name, text in self.written.items():
            Path(self.target, name).write_text(text)
        if self.uid is not None and self.gid is not None:
            _give(self.target, self.uid, self.gid)


def copy_tree(source: Path, target: Path) -> None:
    """Copy directories, files and links, for the caller alone to read.

    Raises:
        OSError: With the path in question.
    """
    os.mkdir(target, 0o700)  # noqa: PTH102 - as all here: a thousand files, and a path each
    with os.scandir(source) as entries:
        for entry in entries:
            place = os.path.join(target, entry.name)  # noqa: PTH118 - speed
            if entry.is_symlink():
                os.symlink(os.readlink(entry.path), place)  # noqa: PTH115, PTH211 - speed
            elif entry.is_dir():
                copy_tree(Path(entry.path), Path(place))
            else:
                _copy_file(entry.path, place)


def _copy_file(source: str, target: str) -> None:
    reading = os.open(source, os.O_RDONLY)
    try:
        writing = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            while chunk := os.read(reading, CHUNK):
                left = memoryview(chunk)
                while left:
                    left = left[os.write(writing, left) :]
        finally:
            os.close(writing)
    finally:
        os.close(reading)


def _give(tree: str, uid: int, gid: int) -> None:
    for place, _, files in os.walk(tree):
        for path in (place, *(os.path.join(place, name) for name in files)):  # noqa: PTH118 - speed
            os.chown(path, uid, gid, follow_symlinks=False)
