"""What one physical connection can show only perhaps: locks, clocks, rows not committed yet."""

import re
from typing import Protocol

from flask_assay.sandbox.logical import Logical
from flask_assay.sandbox.place import TemplateFacts
from flask_assay.sandbox.signals import Journal, Signal, SignalKind
from flask_assay.sandbox.statements import Kind, Statement
from flask_assay.sandbox.universe import Universe

__all__ = ["SAVEPOINTS", "Doubts"]

SAVEPOINTS = frozenset({Kind.SAVEPOINT, Kind.RELEASE, Kind.ROLLBACK_TO})
_TRIVIAL = frozenset({"select", "as", "show", "version", "pg_catalog", "current_schema"})
_ADVISORY = ("pg_advisory_", "pg_try_advisory_")
_PREPARE = re.compile(r"\s*prepare\s", re.IGNORECASE)
_OF_A_SESSION = frozenset({"currval", "lastval"})
_OF_THE_SERVER = frozenset({"pg_backend_pid", "pg_stat_activity", "pg_locks"})


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
        self._locked: dict[int, list[Statement]] = {}
        self._with_temporary: set[int] = set()
        self._with_advisory: set[int] = set()

    def wrote(self, ident: int, statement: Statement) -> None:
        """Remember what an open transaction has written."""
        self._written.setdefault(ident, []).append(statement)
        if statement.is_ddl and not statement.words.isdisjoint({"temp", "temporary"}):
            self._with_temporary.add(ident)

    def forget(self, ident: int | None = None) -> None:
        """Forget what a transaction has written, or all of them."""
        if ident is None:
            self._written.clear()
            self._locked.clear()
            self._with_temporary.clear()
            self._with_advisory.clear()
        else:
            self._written.pop(ident, None)
            self._locked.pop(ident, None)

    def look(self, logical: Logical, statement: Statement, *, is_new: bool) -> None:
        """Note what speaks against a statement; `is_new` if its transaction starts with it."""
        link = self._link
        self._look_at_session(logical, statement)
        self._look_at_locks(logical, statement)
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

    def _look_at_session(self, logical: Logical, statement: Statement) -> None:
        """Doubt what PostgreSQL keeps per session: all connections of the test have one."""
        link = self._link
        words = statement.words
        if not words.isdisjoint(_OF_A_SESSION):
            text = "the last value of a sequence is that of all connections of the test"
            link.note(SignalKind.DOUBT, "last-value", text, statement)
        if "prepare" in words and _PREPARE.match(statement.text):
            text = "what PREPARE makes belongs to one connection and outlives its transaction"
            link.note(SignalKind.DOUBT, "prepare", text, statement)
        if not words.isdisjoint(_OF_THE_SERVER):
            text = "all connections of the test are one to the server"
            link.note(SignalKind.DOUBT_IF_FAILED, "one-connection", text, statement)
        if not (self._with_temporary <= {logical.ident} or words <= _TRIVIAL):
            text = "it sees another connection's temporary tables"
            link.note(SignalKind.DOUBT, "temporary", text, statement)

    def _look_at_locks(self, logical: Logical, statement: Statement) -> None:
        link = self._link
        is_advisory = any(word.startswith(_ADVISORY) for word in statement.words)
        if statement.locks:
            link.journal.locked = True
            if not is_advisory:
                self._locked.setdefault(logical.ident, []).append(statement)
        is_beside = len(link.universe.open) > 1
        is_held = is_advisory and not self._with_advisory <= {logical.ident}
        if is_held or (is_beside and (statement.locks or self._is_locked(logical, statement))):
            text = "locks do not conflict between connections that are one to the server"
            link.note(SignalKind.DOUBT, "locks", text, statement)
        if is_advisory:
            self._with_advisory.add(logical.ident)

    def _is_locked(self, logical: Logical, statement: Statement) -> bool:
        """Whether a statement changes a table of which another transaction has locked rows."""
        return statement.is_write and any(
            ident != logical.ident and any(self._overlap(statement, one) for one in locks)
            for ident, locks in self._locked.items()
        )

    def _look_at_overlap(self, logical: Logical, statement: Statement) -> None:
        """Doubt what touches a table that another open transaction has written."""
        for ident, writes in self._written.items():
            if ident != logical.ident and any(self._overlap(statement, one) for one in writes):
                text = "it sees another connection's uncommitted rows"
                self._link.note(SignalKind.DOUBT, "dirty-read", text, statement)

    def _overlap(self, one: Statement, other: Statement) -> bool:
        if one.words <= _TRIVIAL or one.kind in SAVEPOINTS:
            return False
        tables, views = self._link.facts.tables, self._link.facts.views
        if one.words & other.words & tables:
            return True
        return any(
            words.isdisjoint(tables) or not words.isdisjoint(views)
            for words in (one.words, other.words)
        )
