"""A patch: what it changes, before and after."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from flask_assay.errors import UsageError

__all__ = ["Patch"]

_NO_NEWLINE = b"\n\\ No newline at end of file\n"


@dataclass(frozen=True, slots=True)
class Patch:
    """One changed or new file, and what goes with it.

    Attributes:
        file: Path relative to the project root.
        before: Text now, line ends as they are; empty for a new file.
        after: Text with the remedy.
        migrates: Whether it is a migration, which the database has to be upgraded by.
        adds_indexes: Whether it gives models indexes that the database has to get.
        encoding: What the bytes of the file are.
        also: Patches of other files that belong to it.
        note: What is left to a person, in words; empty if nothing.
    """

    file: str
    before: str
    after: str
    migrates: bool = False
    adds_indexes: bool = False
    encoding: str = "utf-8"
    also: tuple["Patch", ...] = ()
    note: str = ""

    @property
    def parts(self) -> tuple["Patch", ...]:
        """The patch of each file."""
        return (self, *(part for each in self.also for part in each.parts))

    @property
    def schema(self) -> str:
        """How the database of the patched code is brought up to it; "" if it is as it was.

        "alembic", "indexes" (those of the models), or "patch": whichever of both can be done.
        """
        migrates = any(each.migrates for each in self.parts)
        indexes = any(each.adds_indexes for each in self.parts)
        if migrates and indexes:
            return "patch"
        return "alembic" if migrates else "indexes" if indexes else ""

    def diff(self) -> str:
        """Return it as a unified diff to be read; ``diff_bytes`` is for programs."""
        return "".join(
            _diff(each).decode(each.encoding.removesuffix("-sig"), "replace") for each in self.parts
        )

    def diff_bytes(self) -> bytes:
        """Return it as a unified diff that ``git apply`` and ``patch -p1`` take."""
        return b"".join(_diff(each) for each in self.parts)

    def apply(self, root: Path) -> list[Path]:
        """Write it below a directory and return the files.

        Raises:
            UsageError: If a file is no longer what it was, or exists already: none is changed.
        """
        for each in self.parts:
            path = root / each.file
            if each.before and not path.exists():
                raise UsageError(f"{each.file} is not in {root}", todo="Nothing was written.")
            now = path.read_bytes() if path.exists() else b""
            if now != _bytes(each, each.before) or (path.exists() and not each.before):
                raise UsageError(
                    f"{each.file} has changed since the patch was made",
                    todo="Nothing was written. Run the command again.",
                )
        written = []
        for each in self.parts:
            written.append(root / each.file)
            written[-1].write_bytes(_bytes(each, each.after))
        return written


def _bytes(part: Patch, text: str) -> bytes:
    return text.encode(part.encoding if text else "utf-8")


def _diff(part: Patch) -> bytes:
    old = f"a/{part.file}" if part.before else "/dev/null"
    lines = difflib.diff_bytes(
        difflib.unified_diff,
        _lines(_bytes(part, part.before)),
        _lines(_bytes(part, part.after)),
        old.encode(),
        f"b/{part.file}".encode(),
    )
    return b"".join(line if line.endswith(b"\n") else line + _NO_NEWLINE for line in lines)


def _lines(data: bytes) -> list[bytes]:
    """Return lines as git counts them, with their ends."""
    lines = data.split(b"\n")
    return [*(line + b"\n" for line in lines[:-1]), *filter(None, lines[-1:])]
