"""What one physical connection can show only perhaps: locks, clocks, rows not committed yet."""

from typing import Protocol

from flask_assay.sandbox.logical import Logical
from flask_assay.sandbox.place import TemplateFacts
from flask_assay.sandbox.signals import Journal, Signal, SignalKind
from flask_assay.sandbox.statements import Kind, Statement
from flask_assay.sandbox.universe import Universe

__all__ = ["SAVEPOINTS", "Doubts"]

SAVEPOINTS = frozenset({Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO})
_TRIVIAL = frozenset({"select", "as", "show", "version", "pg_catalog", "current_schema"})


class _Noticing(Protocol):
    """The link, as far as doubts are concerned."""

    facts: TemplateFacts
    universe: Universe
    journal: Journal

    def note(self, kind: SignalKind, reason: str, text: str, statement: Statement | None) -> Signal:
        """Record a signal."""
        ...


class Doubts:
    """Looks at each statement beside those of the other open transactions.

    Args:
        link: Whose universe it is, and who records.
    """

    def __init__(self, link: _Noticing) -> None:
        self._link = link
        self._written: dict[int, list[Statement]] = {}

    def wrote(self, ident: int, statement: Statement) -> None:
        """Remember what an open transaction has written."""
        self._written.setdefault(ident, []).append(statement)

    def forget(self, ident: int | None = None) -> None:
        """Forget what a transaction has written, or all of them."""
        if ident is None:
            self._written.clear()
        else:
            self._written.pop(ident, None)

    def look(self, logical: Logical, statement: Statement, *, is_new: bool) -> None:
        """Note what speaks against a statement; `is_new` if its transaction starts with it."""
        link = self._link
        self._look_at_locks(statement)
        if logical.isolation and is_new:
            text = f"{logical.isolation} is not in effect inside a savepoint"
            link.note(SignalKind.DOUBT, "isolation", text, statement)
        if statement.uses_clock or not link.facts.clock_tables.isdisjoint(statement.words):
            self._look_at_clock(logical)
        if len(link.universe.open) > 1:
            self._look_at_overlap(logical, statement)

    def _look_at_clock(self, logical: Logical) -> None:
        """Doubt a clock that a second transaction reads: it shows the first one's time."""
        link = self._link
        link.journal.clock_readers.add(link.universe.open[logical.ident].ident)
        if len(link.journal.clock_readers) == 2:
            text = "now() stands still: all transactions of the test are one to the server"
            link.note(SignalKind.DOUBT_IF_FAILED, "frozen-now", text, None)

    def _look_at_locks(self, statement: Statement) -> None:
        link = self._link
        if statement.locks:
            link.journal.locked = True
            if len(link.universe.open) > 1:
                text = "locks do not conflict between connections that are one to the server"
                link.note(SignalKind.DOUBT, "locks", text, statement)

    def _look_at_overlap(self, logical: Logical, statement: Statement) -> None:
        """Doubt what touches a table that another open transaction has written."""
        for ident, writes in self._written.items():
            if ident != logical.ident and any(self._overlap(statement, one) for one in writes):
                text = "it sees another connection's uncommitted rows"
                self._link.note(SignalKind.DOUBT, "dirty-read", text, statement)

    def _overlap(self, one: Statement, other: Statement) -> bool:
        if one.words <= _TRIVIAL or one.kind in SAVEPOINTS:
            return False
        tables = self._link.facts.tables
        shared = one.words & other.words & tables
        return bool(shared) or one.words.isdisjoint(tables) or other.words.isdisjoint(tables)
