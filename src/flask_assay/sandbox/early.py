"""The server of the template that the last session used, started while the app is imported.

Which template a session needs is known once the app has been made; until then the last one is
as good as certain. Where it is another, the server is stopped again.
"""

import contextlib
import hashlib
import os
from pathlib import Path
from typing import Self

from flask_assay.errors import AssayError
from flask_assay.sandbox.kept_templates import KeptTemplates
from flask_assay.sandbox.start_use import StartUse
from flask_assay.services.postgres import PostgresServer, begin_postgres
from flask_assay.services.supervisor import Supervisor

__all__ = ["EarlyServer", "forget", "project_key", "remember"]


def project_key(*parts: str) -> str:
    """Return what tells one project's sessions from another's."""
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:16]


_UNUSED = "unused"


class EarlyServer:
    """A server that was launched before it was known which template is needed.

    Attributes:
        digest: Of the template that it was launched for.
        use: How the app used its database while it was made, when that template was built.
    """

    def __init__(
        self, digest: str, postgres: PostgresServer | None, use: StartUse | None = None
    ) -> None:
        self.digest, self._postgres, self.use = digest, postgres, use

    @classmethod
    def launch(cls, supervisor: Supervisor, key: str) -> Self | None:
        """Launch the server that the project's last session ended up with, if it is kept.

        Where that session needed no database, or the app will not meet the template, only what
        is known is returned. What goes wrong here is left for the moment when the server is
        needed to tell.
        """
        kept = KeptTemplates(supervisor.run.cache)
        try:
            digest, *unused = _note(kept.cache, key).read_text().split()
            found = kept.find(digest)
            if found is None:
                return None
            use = StartUse.from_json(found.document.get("start_use"))
            if unused or (use is not None and not use.is_welcome):
                return cls(digest, None, use)
            server = begin_postgres(
                supervisor, purpose="tests", cluster=found.cluster, size_bytes=found.size_bytes
            )
        except (AssayError, OSError, ValueError):
            return None
        return cls(digest, server, use)

    def taken_for(self, digest: str) -> PostgresServer | None:
        """Return the server if it was launched for this template; else stop it."""
        if self._postgres is None or (self.digest == digest and self._postgres.is_running):
            return self._postgres
        with contextlib.suppress(AssayError):
            self._postgres.stop()
        return None


def remember(cache: Path, key: str, digest: str) -> None:
    """Note which template a project's session needed, for its next one."""
    if _write(_note(cache, key), digest):
        _sweep(cache, digest)


def _sweep(cache: Path, current: str) -> None:
    """Remove the notes of projects whose template has made room for others."""
    kept = {place.name.split("-")[1] for place in cache.glob("template-*-*")} | {current}
    for note in cache.glob("last-*.txt"):
        with contextlib.suppress(OSError):  # another session removes it
            if kept.isdisjoint(note.read_text().split()[:1]):
                note.unlink()


def forget(cache: Path, key: str) -> None:
    """Launch nothing early in the project's next session: this one needed no database."""
    note = _note(cache, key)
    with contextlib.suppress(OSError, ValueError):
        digest, *_ = note.read_text().split()
        _write(note, f"{digest} {_UNUSED}")


def _write(note: Path, text: str) -> bool:
    """Write a note, and return whether it says something else than before."""
    with contextlib.suppress(OSError):
        if note.exists() and note.read_text() == text:
            return False
        beside = note.with_name(f".{note.name}-{os.getpid()}")
        beside.write_text(text)
        beside.replace(note)
    return True


def _note(cache: Path, key: str) -> Path:
    return cache / f"last-{key}.txt"
