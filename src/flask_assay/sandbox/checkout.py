"""The terms of a test's stay: templates, gears, what came of it, what was kept."""

from dataclasses import dataclass
from typing import Literal

from flask_assay.model.owned import OwnedDatabase
from flask_assay.sandbox.facts import Facts
from flask_assay.sandbox.signals import Signal, SignalKind

__all__ = ["Aside", "Checkin", "Gear", "Kept", "Template"]

Gear = Literal["rollback", "clone"]


@dataclass(frozen=True, slots=True)
class Template:
    """A database that tests start from.

    Attributes:
        key: The app's address of it, "" for the first: host, port and database of its URL.
        db: The template itself.
        facts: What is known about it.
    """

    key: str
    db: OwnedDatabase
    facts: Facts


@dataclass(frozen=True, slots=True)
class Checkin:
    """What came of a test, as far as isolation is concerned.

    Attributes:
        gear: The gear that it ran in.
        signals: What was noticed.
        statements: How many the app sent.
        messages: How many messages went to the server, ours included.
        kept: DSN of the database that was put aside, "" if none was.
    """

    gear: Gear
    signals: tuple[Signal, ...]
    statements: int
    messages: int
    kept: str = ""

    def has(self, kind: SignalKind) -> bool:
        """Whether a signal of this kind was noticed."""
        return any(signal.kind is kind for signal in self.signals)


@dataclass(frozen=True, slots=True)
class Kept:
    """A failed test's database, put aside as the test left it."""

    test: str
    db: OwnedDatabase


class Aside(list[Kept]):
    """The databases that were put aside."""

    def put(self, test: str, db: OwnedDatabase) -> str:
        """Keep a database; return its DSN."""
        self.append(Kept(test, db))
        return _dsn(db)

    def forget(self, test: str, *, but: str) -> list[OwnedDatabase]:
        """Give up what was kept of a test's attempts, except for the one with the DSN `but`."""
        others = [one for one in self if one.test == test and _dsn(one.db) != but]
        for one in others:
            self.remove(one)
        return [one.db for one in others]


def _dsn(db: OwnedDatabase) -> str:
    return f"postgresql://{db.user}@/{db.name}?host={db.socket_dir}&port={db.port}"
