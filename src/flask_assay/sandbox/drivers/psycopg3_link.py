"""psycopg 3: a logical connection is a real ``psycopg.Connection`` over a shared ``PGconn``.

It overrides private names (``_start_query``, ``_commit_gen``, ``_rollback_gen``,
``_exec_command``); ``is_supported`` says whether the installed release has them.
"""

import re
from collections.abc import Callable
from functools import partial
from typing import Any
from weakref import ref

import psycopg
from psycopg import generators, pq

from flask_assay.sandbox.link import Link
from flask_assay.sandbox.logical import FailedTransactionError, Session, next_ident
from flask_assay.sandbox.place import NEUTRAL, Place, TemplateFacts
from flask_assay.sandbox.signals import SignalKind
from flask_assay.sandbox.statements import Kind, Statement, classify

__all__ = ["Psycopg3Link", "Psycopg3Logical", "is_supported"]

_IDLE = pq.TransactionStatus.IDLE
_ACTIVE = pq.TransactionStatus.ACTIVE
_INERROR = pq.TransactionStatus.INERROR
_INTRANS = pq.TransactionStatus.INTRANS
_FATAL = pq.ExecStatus.FATAL_ERROR
_LEVELS = {
    psycopg.IsolationLevel.REPEATABLE_READ: "REPEATABLE READ",
    psycopg.IsolationLevel.SERIALIZABLE: "SERIALIZABLE",
}
_DECLARE = re.compile(r'\s*declare\s+("[^"]+"|\w+)', re.IGNORECASE)
_CLOSE = re.compile(r'\s*close\s+("[^"]+"|\w+)', re.IGNORECASE)
_WITH_HOLD = re.compile(r"\bwith\s+hold\b", re.IGNORECASE)
_PRIVATE = ("_start_query", "_commit_gen", "_rollback_gen", "_exec_command", "_check_intrans_gen")


def is_supported() -> bool:
    """Whether this release of psycopg has the private names that we stand on."""
    return all(hasattr(psycopg.Connection, name) for name in _PRIVATE)


class Psycopg3Link(Link):
    """The physical connection of psycopg 3's logical ones; opened by the first of them."""

    driver = "psycopg"

    def __init__(self, place: Place, facts: TemplateFacts, connect: Callable[..., Any]) -> None:
        super().__init__(place, facts)
        self._connect = connect
        self._raw: Any = None
        self.prepared: Any = None
        self.active: ref[Any] | None = None

    @property
    def raw(self) -> Any:
        """The physical connection."""
        if self._raw is None:
            self._raw = self._connect(
                **self.place.parameters(),
                options=self.place.options(NEUTRAL),
                autocommit=True,
            )
            self.prepared = self._raw._prepared
        return self._raw

    @property
    def is_open(self) -> bool:
        """Whether the physical connection exists."""
        return self._raw is not None and not self._raw.closed

    def application_name(self) -> str | None:
        """Return what the server last reported, without asking it."""
        value = self.raw.pgconn.parameter_status(b"application_name")
        return None if value is None else value.decode()

    def send(self, commands: list[str]) -> None:
        """Send commands of ours in one message.

        Raises:
            psycopg.Error: One of them failed.
        """
        if commands:
            self.raw.wait(self.send_gen(commands))

    def send_gen(self, commands: list[str]) -> Any:
        """Send commands of ours in one message; a generator, as psycopg's own are."""
        if not commands:
            return
        commands = self.take_due() + commands
        pgconn = self.raw.pgconn
        pgconn.send_query("; ".join(commands).encode())
        results = yield from generators.execute(pgconn)
        for result in results:
            if result.status == _FATAL:
                raise psycopg.errors.error_from_result(result, encoding=pgconn._encoding)
        self.sent(commands)

    def read(self, text: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of ours."""
        return list(self.raw.execute(text, prepare=False).fetchall())

    def is_aborted(self) -> bool:
        """Whether the server considers the transaction failed."""
        return bool(self.raw.pgconn.transaction_status == _INERROR)

    def logical(self, parameters: dict[str, Any]) -> "Psycopg3Logical":
        """Return a new logical connection."""
        connection = Psycopg3Logical(self.raw.pgconn)
        connection.join(self, parameters)
        return connection

    def close(self) -> None:
        """Close the physical connection. Idempotent."""
        if self._raw is not None:
            self._raw.close()
        self._raw = None


class _Info(psycopg.ConnectionInfo):
    """Connection info whose transaction status is the logical one."""

    def __init__(self, connection: "Psycopg3Logical") -> None:
        super().__init__(connection.pgconn)
        self._connection = connection

    @property
    def transaction_status(self) -> pq.TransactionStatus:
        return self._connection.logical_status


class _Transaction(psycopg.Transaction):
    """A block whose outermost level is the logical transaction."""

    def _push_savepoint(self) -> None:
        connection: Any = self._conn
        depth = connection._num_transactions
        self._outer_transaction = not depth and connection.logical_status == _IDLE
        if not self._outer_transaction and not self._savepoint_name:
            self._savepoint_name = f"_pg3_{depth + 1}"
        self._stack_index = depth
        connection._num_transactions = depth + 1


class Psycopg3Logical(psycopg.Connection[Any]):
    """A ``psycopg.Connection`` that shares its ``PGconn`` with others."""

    _assay_link: Psycopg3Link

    def join(self, link: Psycopg3Link, parameters: dict[str, Any]) -> None:
        """Take part in a link's universe."""
        self._assay_link = link
        self.ident = next_ident()
        self.session = Session(
            lasting=dict(parameters["settings"]), current=dict(parameters["settings"])
        )
        link._settings.update(self.session.current)
        self.lock = link.lock  # type: ignore[assignment]  # re-entrant, otherwise alike
        self._prepared = link.prepared
        self._assay_query: Any = None
        self._assay_staged: Statement | None = None
        self._assay_cursors: set[str] = set()
        self._autocommit_in_block = False
        self._autocommit = bool(parameters.get("autocommit"))
        for name in ("row_factory", "cursor_factory"):
            if parameters.get(name):
                setattr(self, name, parameters[name])
        if parameters.get("context"):
            self._adapters = psycopg.adapt.AdaptersMap(parameters["context"].adapters)
        self.pgconn.notice_handler = partial(_dispatch_notice, ref(link))
        self.pgconn.notify_handler = None
        link.logicals.add(self)

    # -- what the link asks ---------------------------------------------------------------

    @property
    def is_autocommit(self) -> bool:
        """Each statement is a transaction of its own."""
        return self._autocommit and not self._autocommit_in_block

    @property
    def is_read_only(self) -> bool:
        """Its transactions are read-only."""
        return self.session.is_read_only if self._read_only is None else bool(self._read_only)

    @property
    def isolation(self) -> str:
        """An isolation level other than READ COMMITTED, or ""."""
        level = self._isolation_level
        return _LEVELS.get(level, "") if level else self.session.isolation

    @property
    def logical_status(self) -> pq.TransactionStatus:
        """IDLE, INTRANS or INERROR, of the logical transaction."""
        txn = self._assay_link.universe.open.get(self.ident)
        if txn is None:
            return _INTRANS if self._autocommit_in_block else _IDLE
        return _INERROR if txn.failed else _INTRANS

    # -- state ----------------------------------------------------------------------------

    @property
    def closed(self) -> bool:
        """True once it, or the physical connection, is closed."""
        return self._closed or super().closed

    @property
    def broken(self) -> bool:
        """True if the physical connection was lost."""
        return super().closed and not self._closed

    @property
    def info(self) -> psycopg.ConnectionInfo:
        """Connection info, with the logical transaction's status."""
        return _Info(self)

    def __del__(self, *_: Any) -> None:
        """Nothing is lost with it: the physical connection is not its own."""

    def _check_connection_ok(self) -> None:
        if self._closed:
            raise psycopg.OperationalError("the connection is closed")
        super()._check_connection_ok()

    def _check_intrans_gen(self, attribute: str) -> Any:
        yield from ()
        if self.logical_status != _IDLE:
            raise psycopg.ProgrammingError(
                f"can't change {attribute!r} now: connection in transaction status "
                f"{pq.TransactionStatus(self.logical_status).name}"
            )

    def close(self) -> None:
        """Close it: what it has not committed is gone."""
        if self._closed:
            return
        link = self._assay_link
        with self.lock:
            if self.ident in link.universe.open and not link.is_lost and link.is_open:
                self._ours(link.send, link.rollback(self))
            self._closed = True

    def pipeline(self) -> Any:
        """Pipelines report errors late; that is a matter for the clone gear."""
        link = self._assay_link
        link._hard("pipeline", "a pipeline reports errors after the fact", None)

    def transaction(self, savepoint_name: str | None = None, force_rollback: bool = False) -> Any:  # noqa: FBT001, FBT002 - psycopg's signature
        """Start a transaction block."""
        return _Transaction(self, savepoint_name, force_rollback)

    # -- statements -----------------------------------------------------------------------

    def _start_query(self) -> Any:
        query, self._assay_query = self._assay_query, None
        yield from self._stage(_text(query, self))

    def _stage(self, text: str) -> Any:
        self._check_connection_ok()
        yield from self._settle_gen()
        link = self._assay_link
        if self.pgconn.transaction_status == _ACTIVE and not link.is_lost:
            link._hard("copy", "another connection is in the middle of a COPY", classify(text))
        link.active = ref(self)
        statement = classify(text)
        try:
            commands = link.before(self, statement)
        except FailedTransactionError as error:
            raise _refusal(error) from None
        if self._pipeline:
            for command in commands:
                yield from super()._exec_command(command.encode())
            link.sent(commands)
        else:
            yield from self._ours_gen(commands)
        link.journal.messages += 1
        self._assay_staged = statement
        self._note_cursor(text)

    def _note_cursor(self, text: str) -> None:
        """Remember server-side cursors: a real commit closes them."""
        declared = _DECLARE.match(text)
        if declared and not _WITH_HOLD.search(text):
            self._assay_cursors.add(declared.group(1))
        closed = _CLOSE.match(text)
        if closed:
            self._assay_cursors.discard(closed.group(1))

    def _ours_gen(self, commands: list[str]) -> Any:
        link = self._assay_link
        try:
            yield from link.send_gen(commands)
        except psycopg.Error as error:
            self._own_command_failed(error)

    def _ours(self, send: Callable[[list[str]], None], commands: list[str]) -> None:
        try:
            send(commands)
        except psycopg.Error as error:
            self._own_command_failed(error)

    def _own_command_failed(self, error: psycopg.Error) -> None:
        link = self._assay_link
        if not link.is_open:
            link.lost(None)
            raise error
        link.broke(error)

    def wait(self, gen: Any, *arguments: Any, **named: Any) -> Any:
        """Drive a generator; every operation of the connection passes here."""
        try:
            result = super().wait(gen, *arguments, **named)
        except BaseException as error:
            self._operation_failed(error)
            raise
        self._operation_done()
        return result

    def _operation_done(self) -> None:
        """Note success, unless a COPY goes on or a pipeline has not reported yet."""
        if self._assay_staged is None or self.pgconn.transaction_status == _ACTIVE:
            return
        if not self.pgconn.pipeline_status:
            super().wait(self._settle_gen())

    def _settle_gen(self) -> Any:
        statement, self._assay_staged = self._assay_staged, None
        if statement is not None:
            self._assay_link.after(self, statement)
            if self.is_autocommit:
                yield from self._finish_gen()

    def _finish_gen(self) -> Any:
        link = self._assay_link
        try:
            yield from link.send_gen(link.before_commit(self))
        except psycopg.Error:
            yield from self._ours_gen(link.commit_refused(self))
            raise
        yield from self._ours_gen(link.commit(self))
        link.universe.owed += [f"CLOSE {name}" for name in sorted(self._assay_cursors)]
        self._assay_cursors.clear()

    def _operation_failed(self, error: BaseException) -> None:
        statement, self._assay_staged = self._assay_staged, None
        link = self._assay_link
        if not link.is_open:
            link.lost(statement)
            return
        if not isinstance(error, Exception):
            if self.pgconn.transaction_status == _ACTIVE and not link.is_doomed:
                link.interrupted(statement or link._last)
            return
        if link.is_lost:
            return
        if statement is None and self._is_failure_known():
            return
        statement = statement or link._last
        if statement is not None and link.is_aborted():
            self._undo_failure(statement, getattr(error, "sqlstate", None))

    def _is_failure_known(self) -> bool:
        """Whether an error without a statement (not a late one of a COPY) is no news."""
        universe = self._assay_link.universe
        txn = universe.open.get(self.ident)
        return txn is None or txn.failed or universe.aborted_by is not None

    def _undo_failure(self, statement: Statement, state: str | None) -> None:
        link = self._assay_link
        commands = link.failed(self, statement, state)
        if self.pgconn.pipeline_status:
            link.universe.owed[:0] = commands
            if self.is_autocommit:
                text = "a pipeline failed on an autocommit connection"
                link.note(SignalKind.HARD, "pipeline", text, statement)
            return
        self._ours(link.send, commands)
        if self.is_autocommit:
            self._ours(link.send, link.rollback(self))

    # -- what psycopg itself sends --------------------------------------------------------

    def _commit_gen(self) -> Any:
        self._refuse_in_block("commit")
        yield from self._settle_gen()
        yield from self._finish_gen()

    def _rollback_gen(self) -> Any:
        self._refuse_in_block("rollback")
        yield from self._settle_gen()
        yield from self._undo_gen()

    def _undo_gen(self) -> Any:
        link = self._assay_link
        if self.ident not in link.universe.open:
            return
        commands = link.rollback(self)
        self._assay_cursors.clear()
        yield from self._ours_gen(commands)
        if any(command.startswith("ROLLBACK") for command in commands):
            self._prepared.clear()
            yield from self._prepared.maintain_gen(self)

    def _refuse_in_block(self, action: str) -> None:
        if self._num_transactions:
            raise psycopg.ProgrammingError(
                f"Explicit {action}() forbidden within a Transaction context."
            )

    def _exec_command(self, command: Any, result_format: Any = pq.Format.TEXT) -> Any:
        text = _text(command, self)
        statement = classify(text)
        if statement.kind is Kind.BEGIN:
            self._autocommit_in_block = self._autocommit
            return None
        if statement.kind is Kind.END:
            return (yield from self._end_gen(text))
        is_idle = self.ident not in self._assay_link.universe.open
        if text.upper().startswith("DEALLOCATE") or (
            is_idle and statement.kind is not Kind.SAVEPOINT
        ):
            if is_idle and _CLOSE.match(text):
                return None
            return (yield from super()._exec_command(command, result_format))
        yield from self._stage(text)
        result = yield from super()._exec_command(command, result_format)
        staged, self._assay_staged = self._assay_staged, None
        if staged is not None:
            self._assay_link.after(self, staged)
        return result

    def _end_gen(self, text: str) -> Any:
        """End a transaction block that psycopg manages."""
        self._autocommit_in_block = False
        if text.upper().startswith(("COMMIT", "END")):
            yield from self._finish_gen()
        else:
            yield from self._undo_gen()
        return None

    def _tpc_begin_gen(self, xid: Any) -> Any:
        yield from ()
        statement = classify("PREPARE TRANSACTION 'tpc'")
        self._assay_link._refuse(self, statement)


def _refusal(failed: FailedTransactionError) -> Exception:
    """Return the error that the server would answer with."""
    if failed.args:
        text = f'savepoint "{failed.args[0]}" does not exist'
        return psycopg.errors.InvalidSavepointSpecification(text)
    return psycopg.errors.InFailedSqlTransaction(
        "current transaction is aborted, commands ignored until end of transaction block"
    )


def _text(query: Any, connection: Any) -> str:
    if isinstance(query, str):
        return query
    if isinstance(query, bytes):
        return query.decode("utf-8", "replace")
    if hasattr(query, "as_string"):
        text: str = query.as_string(connection)
        return text
    return "" if query is None else str(query)


def _dispatch_notice(link: ref[Psycopg3Link], result: Any) -> None:
    """Hand a notice to the logical connection that speaks."""
    here = link()
    connection = here.active() if here is not None and here.active is not None else None
    if connection is not None:
        connection._notice_handler(ref(connection), result)
