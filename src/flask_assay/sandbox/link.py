"""One physical connection that many logical ones share; the part that no driver needs to know.

A driver asks what to send `before` a statement, reports what came of it (`after`, `failed`),
and asks likewise for commits and rollbacks.  Commands are returned, never sent from here.
"""

import re
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from typing import Any, NoReturn
from weakref import WeakSet

from flask_assay.sandbox.doubts import SAVEPOINTS, Doubts
from flask_assay.sandbox.logical import FailedTransactionError, Logical, Session, reset_command
from flask_assay.sandbox.place import Place, TemplateFacts
from flask_assay.sandbox.sequences import Sequences
from flask_assay.sandbox.signals import (
    GearChangeError,
    IsolationLeakError,
    Journal,
    Query,
    Signal,
    SignalKind,
    call_site,
    current_thread,
)
from flask_assay.sandbox.statements import Kind, Statement, shape
from flask_assay.sandbox.unfaithful import functions_made, unfaithful
from flask_assay.sandbox.universe import NotFaithfulError, Universe

__all__ = ["Link"]

_HARD_STATES = {
    "25001": "the server refuses this inside a transaction block",
    "2D000": "a procedure or DO block ends a transaction",
    "55P04": "a new enum value is used before its transaction is committed",
}
_WATCHED = "assay:sandbox"
_WATCH = f"SET LOCAL application_name = '{_WATCHED}'"
_REDEFER = """DO $assay$ DECLARE names text; BEGIN
SELECT string_agg(format('%I.%I', nspname, conname), ', ') INTO names
FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace WHERE condeferred;
IF names IS NOT NULL THEN EXECUTE 'SET CONSTRAINTS ' || names || ' DEFERRED'; END IF;
END $assay$"""
_SET_CONFIG = re.compile(
    r"set_config\(\s*'([\w.]+)'\s*,.*?,\s*(true|false|'t'|'f'|'true'|'false')\s*\)",
    re.IGNORECASE | re.DOTALL,
)
_ADVICE = (
    "Give this test a database of its own, which costs it one copy of the template:\n"
    '    @pytest.mark.assay(gear="clone")'
)


class Link(ABC):
    """A physical connection's universe, and what was noticed on it.

    Attributes:
        place: Its database.
        facts: What the template is like.
        lock: Held for each message; logical connections may live in different threads.
        universe: Savepoints.
        journal: Of the test that runs.
        logicals: Logical connections that exist.
        sequences: What the scopes have moved.
        due: Commands that end scopes which are over; they ride on the next message.
    """

    driver = ""

    def __init__(self, place: Place, facts: TemplateFacts) -> None:
        self.place, self.facts = place, facts
        self.lock = threading.RLock()
        self.journal = Journal()
        self.logicals: WeakSet[Logical] = WeakSet()
        self.universe = self._new_universe()
        self.sequences = Sequences(facts)
        self.due: list[str] = []
        self.is_lost = self.is_paused = False
        self.siblings: list[Link] = [self]
        self._is_watching = True
        self._is_begin_sent = False
        self._interruption = ""
        self._settings: set[str] = set()
        self._functions: frozenset[str] = frozenset()
        self._last: Statement | None = None
        self._doubts = Doubts(self)

    def _new_universe(self) -> Universe:
        return Universe(
            begin=("BEGIN", _WATCH),
            deferrable=self.facts.has_deferrable,
            redefer=_redefer(self.facts.initially_deferred),
        )

    @abstractmethod
    def application_name(self) -> str | None:
        """Return what the server last reported, without asking it."""

    @abstractmethod
    def is_aborted(self) -> bool:
        """Whether the server considers the transaction failed."""

    @property
    @abstractmethod
    def is_open(self) -> bool:
        """Whether the physical connection exists."""

    @abstractmethod
    def send(self, commands: list[str]) -> None:
        """Send commands of ours, if there are any, after those that are due."""

    @abstractmethod
    def read(self, text: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of ours."""

    @abstractmethod
    def logical(self, parameters: dict[str, Any]) -> Any:
        """Return a new logical connection."""

    @abstractmethod
    def close(self) -> None:
        """Close the physical connection. Idempotent."""

    # -- scopes ---------------------------------------------------------------------------

    def enter(self, journal: Journal, *, label: str) -> None:
        """Begin a scope; what is noticed from now on belongs to `journal`."""
        question = self.sequences.question()
        if question and self.is_open and not self.is_lost:
            self.flush()
            if not self.is_aborted():
                self.sequences.answered(self.read(question))
        self.sequences.enter()
        self.journal = journal
        self.universe.enter(label)

    def leave(self) -> None:
        """End the innermost scope; what undoes it goes out at once only if it must.

        Raises:
            Exception: Of the driver; the connection is of no further use.
        """
        with self.lock:
            commands = self._leave()
            if not self.is_open:
                return
            self.due += commands
            if self.is_lost or self.journal.signals:
                self.flush()

    def flush(self) -> None:
        """Send what is due, for those who look at the database from elsewhere."""
        with self.lock:
            if self.is_open:
                self.send(self.take_due())

    def take_due(self) -> list[str]:
        """Return what must go out before anything else; it is the caller's from here on."""
        due, self.due = self.due, []
        return due

    def _leave(self) -> list[str]:
        commands = self.universe.leave()
        restore = self.sequences.leave()
        self._doubts.forget()
        self._is_watching = True
        for logical in self.logicals:
            logical.session.forget()
            logical.session.current = dict(logical.session.lasting)
        self._settings = {name for one in self.logicals for name in one.session.lasting}
        unlock = ["SELECT pg_advisory_unlock_all()"] if self.journal.locked else []
        return commands + restore + unlock

    # -- statements -----------------------------------------------------------------------

    def before(self, logical: Logical, statement: Statement) -> list[str]:
        """Return what must go out in front of a statement.

        Raises:
            GearChangeError: The rollback gear cannot represent it.
            IsolationLeakError: It would end the outer transaction.
            FailedTransactionError: The transaction failed earlier.
        """
        self._refuse_what_is_doomed()
        self._refuse_paused(statement)
        self.check_watch()
        self.journal.statements += 1
        if self.journal.queries is not None and not logical.session.is_being_set_up:
            self.journal.queries.append(Query(shape(statement.text), call_site()))
        self._refuse(logical, statement)
        is_known = self.universe.has_savepoint(logical.ident, statement.name)
        if self.universe.is_failed(logical.ident):
            self._refuse_failed(statement, is_known=is_known)
        self._refuse_second_driver(statement)
        is_new = logical.ident not in self.universe.open
        try:
            if statement.kind in SAVEPOINTS and statement.kind is not Kind.SAVEPOINT:
                self.universe.check_savepoint(logical.ident, statement.name)
            commands = self.universe.statement(
                logical.ident,
                read_only=logical.is_read_only,
                guarded=statement.kind not in SAVEPOINTS
                or (statement.kind is not Kind.SAVEPOINT and not is_known),
            )
        except NotFaithfulError as error:
            self._hard("interleaved", str(error), statement)
        if self.universe.aborted_by is None:
            commands += self._session_commands(logical, is_new=is_new)
            commands += self._fenced(logical, statement)
        self._doubts.look(logical, statement, is_new=is_new)
        self._last = statement
        self.sequences.note(statement)
        return self.take_due() + commands

    def _refuse_failed(self, statement: Statement, *, is_known: bool) -> None:
        """Answer for a failed transaction whose failure the server has been made to forget."""
        if statement.kind is not Kind.ROLLBACK_TO:
            raise FailedTransactionError
        if not is_known:
            raise FailedTransactionError(statement.name)

    def _refuse_paused(self, statement: Statement) -> None:
        if self.is_paused:
            raise IsolationLeakError(
                "IsolationLeak: a connection opened before this test was used in the clone gear",
                why=f"  statement  {shape(statement.text)}\n  sent at    {call_site()}\n\n"
                "The test runs on a database of its own; this connection leads to the shared one.",
                todo="Open the connection in the test or in a function-scoped fixture.",
            )

    def _refuse_second_driver(self, statement: Statement) -> None:
        if len(self.siblings) == 1 or self.universe.begun:
            return
        for other in self.siblings:
            if other is not self:
                other.flush()
        if any(other.universe.begun for other in self.siblings):
            text = "two drivers cannot share one transaction"
            self._hard("second-driver", text, statement)

    @property
    def is_doomed(self) -> bool:
        """Whether this attempt at the test is over: what it still sends is of no interest."""
        return self.is_lost or self.journal.has(SignalKind.HARD)

    def _refuse_what_is_doomed(self) -> None:
        if self.journal.has(SignalKind.HARD):
            raise GearChangeError(str(self.journal.signals[-1]))
        if self.is_lost:
            raise IsolationLeakError(f"the sandbox's connection is lost{self._interruption}")

    def _refuse(self, logical: Logical, statement: Statement) -> None:
        if statement.kind is Kind.END and not logical.is_autocommit:
            self._leak("literal-commit", statement)
        found = unfaithful(statement)
        if found is not None:
            self._hard(*found, statement)

    def refuse(self, reason: str, text: str) -> NoReturn:
        """Stop what a driver does without a statement and the rollback gear cannot show."""
        self._refuse_what_is_doomed()
        self._hard(reason, text, None)

    def _session_commands(self, logical: Logical, *, is_new: bool) -> list[str]:
        """Make the connection's own settings those in effect."""
        if not self._settings or not (is_new or len(self.universe.open) > 1):
            return []
        session = logical.session
        own = {**session.current, **_made(session.pending), **session.local}
        if not is_new and "" in own.values():
            text = "another connection came between, and set_config() cannot be sent again"
            self.note(SignalKind.DOUBT, "set-config", text, None)
        foreign = [reset_command(name) for name in sorted(self._settings - own.keys())]
        return foreign + [text for text in own.values() if text]

    def _fenced(self, logical: Logical, statement: Statement) -> list[str]:
        """Make ``SET TRANSACTION READ ONLY`` end with its transaction."""
        if statement.kind is Kind.SET_TRANSACTION:
            return self.universe.fence(logical.ident)
        return []

    def after(self, logical: Logical, statement: Statement) -> None:
        """Note that a statement went through."""
        ident = logical.ident
        writes = self._writes(statement)
        self.universe.succeeded(ident, writes=writes, touches=statement.kind is not Kind.READ)
        if statement.kind is Kind.SAVEPOINT:
            self.universe.savepoint(ident, statement.name)
            logical.session.savepoint(statement.name)
        elif statement.kind is Kind.RELEASE:
            self.universe.released(ident, statement.name)
            logical.session.released(statement.name)
        elif statement.kind is Kind.ROLLBACK_TO:
            self.universe.rolled_back_to(ident, statement.name)
            self._undo_settings(logical, statement)
        elif statement.kind in {Kind.SET, Kind.SET_LOCAL}:
            self._note_settings(logical, statement)
        if "set_config" in statement.words:
            self._note_set_config(logical, statement)
        if writes:
            self._doubts.wrote(ident, statement)
        if statement.is_ddl:
            # The catalog is not the template's any more: which constraints there are must be
            # looked up, and new ones may be deferrable.
            self.universe.deferrable, self.universe.redefer = True, _REDEFER
            self._functions |= functions_made(statement)
        self.check_watch()

    def _writes(self, statement: Statement) -> bool:
        words = statement.words
        return statement.is_write or not words.isdisjoint(self.facts.functions | self._functions)

    def _undo_settings(self, logical: Logical, statement: Statement) -> None:
        is_known = logical.session.rolled_back_to(statement.name)
        if not is_known and (logical.session.pending or logical.session.local):
            text = "a rollback to a savepoint may have undone a SET before it"
            self.note(SignalKind.DOUBT, "set-and-savepoint", text, statement)

    def _note_settings(self, logical: Logical, statement: Statement) -> None:
        for name in (statement.name, *statement.also):
            self._note_setting(logical, statement.kind, name, statement.text)

    def _note_setting(self, logical: Logical, kind: Kind, name: str, text: str) -> None:
        if name in {"application_name", "all"}:
            self._is_watching = False
        self._settings.add(name)
        session = logical.session
        if kind is Kind.SET_LOCAL:
            session.local[name] = "" if "set_config" in text.lower() else text
        else:
            session.pending[name] = None if text.lower().startswith("reset") else text

    def _note_set_config(self, logical: Logical, statement: Statement) -> None:
        match = _SET_CONFIG.search(statement.text)
        if match is None or "t" not in match.group(2).lower().strip("'")[:1]:
            self.note(SignalKind.DOUBT, "set-config", "set_config() cannot be undone", statement)
            return
        self._note_setting(logical, Kind.SET_LOCAL, match.group(1).lower(), statement.text)

    def failed(self, logical: Logical, statement: Statement, state: str | None) -> list[str]:
        """Note that a statement failed; return what keeps the other connections alive."""
        if state in _HARD_STATES:
            self.note(SignalKind.HARD, f"sqlstate-{state}", _HARD_STATES[state], statement)
        self.check_watch()
        if logical.ident not in self.universe.open:
            return []
        return self.universe.errored(logical.ident)

    # -- ends of transactions -------------------------------------------------------------

    def before_commit(self, logical: Logical) -> list[str]:
        """Return the constraint check of a commit, if there is one to make."""
        self._refuse_what_is_doomed()
        return self.universe.before_commit(logical.ident)

    def commit_refused(self, logical: Logical) -> list[str]:
        """Note that the constraint check failed; return what rolls the transaction back.

        Raises:
            GearChangeError: It may have been another open transaction's row that failed.
        """
        own = self.universe.open[logical.ident]
        self.universe.errored(logical.ident)
        if any(txn.wrote for txn in self.universe.open.values() if txn is not own):
            text = "deferred constraints of two open transactions are checked together"
            self._hard("deferred-beside", text, self._last)
        return self.rollback(logical)

    def commit(self, logical: Logical) -> list[str]:
        """End a logical transaction for good; return what must be sent now."""
        self.check_watch()
        txn = self.universe.open.get(logical.ident)
        if txn is None:
            return []
        if txn.failed:
            return self.rollback(logical)
        commands = self.universe.commit(logical.ident)
        self._doubts.forget(logical.ident)
        local = sorted(logical.session.local)
        logical.session.merge()
        current = logical.session.current
        self.universe.owed += [current.get(name, reset_command(name)) for name in local]
        return commands

    def rollback(self, logical: Logical) -> list[str]:
        """Undo a logical transaction; return what must be sent now.

        Raises:
            GearChangeError: It would take back what another connection wrote.
        """
        if self.is_doomed:
            return []
        self.check_watch()
        try:
            commands = self.universe.rollback(logical.ident)
        except NotFaithfulError as error:
            self._hard("interleaved", str(error), None)
        logical.session.forget()
        self._doubts.forget(logical.ident)
        return commands

    def closed(self, logical: Logical) -> None:
        """Forget a connection's settings that no test should inherit."""
        logical.session = Session()

    def checked_out(self, logical: Logical) -> None:
        """Note that connecting is over: what is set from now on belongs to the test."""
        logical.session.is_new = False

    # -- noticing -------------------------------------------------------------------------

    def check_watch(self) -> None:
        """See whether the outer transaction is still ours; costs no message.

        ``SET LOCAL application_name`` goes out with the outer ``BEGIN``; PostgreSQL reports its
        loss unasked.

        Raises:
            IsolationLeakError: It ended without us.
        """
        if not self._is_begin_sent or not self._is_watching or self.is_lost:
            return
        if self.is_aborted():  # a failed transaction has lost its SET LOCAL already
            return
        name = self.application_name()
        if name is not None and name != _WATCHED:
            self._leak("transaction-ended", self._last)

    def sent(self, commands: Iterable[str]) -> None:
        """Note that commands went out."""
        self.journal.messages += 1
        for command in commands:
            if command == _WATCH:
                self._is_begin_sent = True
            elif command == "ROLLBACK":
                self._is_begin_sent = False

    def broke(self, error: BaseException) -> NoReturn:
        """Note that a command of ours failed: somebody changed the transaction under us."""
        self._leak("transaction-ended", self._last, cause=error)

    def lost(self, statement: Statement | None) -> None:
        """Note that the server closed the connection."""
        self.is_lost = True
        text = "the server ended the sandbox's connection"
        self.note(SignalKind.HARD, "connection-lost", text, statement)

    def interrupted(self, statement: Statement | None) -> None:
        """Note that the test was stopped, by a timeout for one, while the server was at work.

        What the connection answers next belongs to that statement, so it is of no further use.
        """
        self.is_lost = True
        shown = shape(statement.text) if statement else "a statement"
        self._interruption = f": the test was stopped in the middle of {shown}"

    def note(self, kind: SignalKind, reason: str, text: str, statement: Statement | None) -> Signal:
        """Record a signal with its statement and call site."""
        shown = shape(statement.text) if statement else ""
        signal = Signal(kind, reason, text, shown, call_site(), current_thread())
        self.journal.note(signal)
        return signal

    def _hard(self, reason: str, text: str, statement: Statement | None) -> NoReturn:
        raise GearChangeError(str(self.note(SignalKind.HARD, reason, text, statement)))

    def _leak(
        self, reason: str, statement: Statement | None, cause: BaseException | None = None
    ) -> NoReturn:
        is_sent = reason != "literal-commit"
        self.is_lost = self.is_lost or is_sent
        text = (
            "a statement ended the test's outer transaction"
            if is_sent
            else "SQL text would end the test's outer transaction"
        )
        signal = self.note(SignalKind.LEAK, reason, text, statement)
        raise IsolationLeakError(
            f"IsolationLeak: {text}",
            why=f"  statement  {signal.statement or 'unknown'}\n"
            f"  sent at    {signal.site or 'unknown'}, thread {signal.thread}\n\n"
            "Each test runs in one outer transaction that is rolled back. COMMIT or ROLLBACK as "
            "SQL text, a procedure or a second statement in one string ends it behind the "
            "driver's back, and what was written stays."
            + ("\nThe database is replaced before the next test." if is_sent else ""),
            todo="Commit with the connection's or session's own commit().\n" + _ADVICE,
        ) from cause


def _redefer(names: tuple[str, ...]) -> str:
    return f"SET CONSTRAINTS {', '.join(names)} DEFERRED" if names else ""


def _made(pending: Mapping[str, str | None]) -> dict[str, str]:
    return {name: text for name, text in pending.items() if text is not None}
