"""A patch: one file of the user's, before and after."""

import difflib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Patch"]


@dataclass(frozen=True, slots=True)
class Patch:
    """One changed or new file.

    Attributes:
        file: Path relative to the project root.
        before: Text now; empty for a new file.
        after: Text with the remedy.
        migrates: Whether it is a migration, which the database has to be upgraded by.
        adds_indexes: Whether it gives models indexes that the database has to get.
    """

    file: str
    before: str
    after: str
    migrates: bool = False
    adds_indexes: bool = False

    @property
    def schema(self) -> str:
        """How the database of the patched code is brought up to it; "" if it is as it was."""
        return "alembic" if self.migrates else "indexes" if self.adds_indexes else ""

    def diff(self) -> str:
        """Return it as a unified diff that ``git apply`` and ``patch -p1`` take."""
        old = f"a/{self.file}" if self.before else "/dev/null"
        lines = difflib.unified_diff(
            self.before.splitlines(keepends=True),
            self.after.splitlines(keepends=True),
            old,
            f"b/{self.file}",
        )
        return "".join(lines)

    def apply(self, root: Path) -> Path:
        """Write it below a directory and return the file."""
        path = root / self.file
        path.write_text(self.after, encoding="utf-8")
        return path
