"""psycopg2: a proxy connection, and real cursors on the physical one.

psycopg2's connection object owns its libpq connection, so a logical connection cannot be one.
It says that it is (``__class__``), which satisfies ``isinstance``; C functions that insist are
wrapped by ``Psycopg2Patches``.
"""

from collections.abc import Callable
from typing import Any, NoReturn, Self

import psycopg2
import psycopg2.extensions as ext

from flask_assay.sandbox.drivers.psycopg2_cursors import plain_register_type, sandboxed
from flask_assay.sandbox.link import Link
from flask_assay.sandbox.logical import FailedTransactionError, Session, next_ident
from flask_assay.sandbox.place import NEUTRAL, Place, TemplateFacts
from flask_assay.sandbox.statements import Statement, classify

__all__ = ["Psycopg2Link", "Psycopg2Logical"]

_LEVELS = {
    ext.ISOLATION_LEVEL_REPEATABLE_READ: "REPEATABLE READ",
    ext.ISOLATION_LEVEL_SERIALIZABLE: "SERIALIZABLE",
}
_NAMES = {
    "READ UNCOMMITTED": ext.ISOLATION_LEVEL_READ_UNCOMMITTED,
    "READ COMMITTED": ext.ISOLATION_LEVEL_READ_COMMITTED,
    "REPEATABLE READ": ext.ISOLATION_LEVEL_REPEATABLE_READ,
    "SERIALIZABLE": ext.ISOLATION_LEVEL_SERIALIZABLE,
}


class Psycopg2Link(Link):
    """The physical connection of psycopg2's logical ones; opened by the first statement."""

    driver = "psycopg2"

    def __init__(self, place: Place, facts: TemplateFacts, connect: Callable[..., Any]) -> None:
        super().__init__(place, facts)
        self._connect = connect
        self._raw: Any = None

    @property
    def raw(self) -> Any:
        """The physical connection."""
        if self._raw is None:
            self._raw = self._connect(
                **self.place.parameters(),
                options=self.place.options(NEUTRAL),
            )
            with self._raw.cursor() as cursor:
                # psycopg2 sends BEGIN by itself once, and from here on believes that a
                # transaction is open: BEGIN and ROLLBACK are ours, and may share messages.
                cursor.execute("ROLLBACK")
        return self._raw

    @property
    def is_open(self) -> bool:
        """Whether the physical connection exists."""
        return self._raw is not None and not self._raw.closed

    def application_name(self) -> str | None:
        """Return what the server last reported, without asking it."""
        value: str | None = self.raw.get_parameter_status("application_name")
        return value

    def send(self, commands: list[str]) -> None:
        """Send commands of ours, and before them what is due, in one message.

        Raises:
            psycopg2.Error: One of them failed.
        """
        if not commands:
            return
        commands = self.take_due() + commands
        with self.raw.cursor() as cursor:
            cursor.execute("; ".join(commands))
        self.sent(commands)

    def read(self, text: str) -> list[tuple[Any, ...]]:
        """Return the rows of a query of ours."""
        with self.raw.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    def is_aborted(self) -> bool:
        """Whether the server considers the transaction failed."""
        return bool(self.raw.get_transaction_status() == ext.TRANSACTION_STATUS_INERROR)

    def logical(self, parameters: dict[str, Any]) -> "Psycopg2Logical":
        """Return a new logical connection."""
        return Psycopg2Logical(self, parameters)

    def close(self) -> None:
        """Close the physical connection. Idempotent."""
        if self._raw is not None and not self._raw.closed:
            self._raw.close()
        self._raw = None


class Psycopg2Logical:
    """Looks like a psycopg2 connection; shares the physical one with others."""

    def __init__(self, link: Psycopg2Link, parameters: dict[str, Any]) -> None:
        self._assay_link = link
        self.ident = next_ident()
        self.session = Session(
            lasting=dict(parameters["settings"]), current=dict(parameters["settings"])
        )
        self.cursor_factory = parameters.get("cursor_factory") or ext.cursor
        self._closed = False
        self._autocommit = False
        self._level: int | None = None
        self._read_only: bool | None = None
        self._deferrable: bool | None = None
        self._types: list[Any] = []
        link._settings.update(self.session.current)
        link.logicals.add(self)

    @property  # type: ignore[misc]  # it poses as the driver's class
    def __class__(self) -> type:
        return ext.connection

    # -- what the link asks ---------------------------------------------------------------

    @property
    def is_autocommit(self) -> bool:
        """Each statement is a transaction of its own."""
        return self._autocommit

    @property
    def is_read_only(self) -> bool:
        """Its transactions are read-only."""
        return self.session.is_read_only if self._read_only is None else bool(self._read_only)

    @property
    def isolation(self) -> str:
        """An isolation level other than READ COMMITTED, or ""."""
        return _LEVELS.get(self._level, "") if self._level else self.session.isolation

    # -- DB-API ---------------------------------------------------------------------------

    @property
    def closed(self) -> int:
        """0 while it is open."""
        return int(
            self._closed or (self._assay_link._raw is not None and self._assay_link._raw.closed)
        )

    def _require_open(self) -> None:
        if self.closed:
            raise psycopg2.InterfaceError("connection already closed")

    def cursor(
        self,
        name: str | None = None,
        cursor_factory: Any = None,
        withhold: bool = False,  # noqa: FBT001, FBT002 - psycopg2's signature
        scrollable: bool | None = None,  # noqa: FBT001 - psycopg2's signature
    ) -> Any:
        """Return a real cursor on the physical connection that belongs to this one."""
        self._require_open()
        factory = sandboxed(cursor_factory or self.cursor_factory)
        link = self._assay_link
        with link.lock:
            if name is None:
                cursor = link.raw.cursor(cursor_factory=factory)
            else:
                cursor = link.raw.cursor(
                    name, cursor_factory=factory, withhold=withhold, scrollable=scrollable
                )
        cursor._assay = self
        for kind in self._types:
            plain_register_type(kind, cursor)
        return cursor

    def commit(self) -> None:
        """Commit the logical transaction."""
        self._require_open()
        link = self._assay_link
        with link.lock:
            try:
                link.send(link.before_commit(self))
            except psycopg2.Error:
                self._send(link.commit_refused(self))
                raise
            self._send(link.commit(self))

    def rollback(self) -> None:
        """Roll the logical transaction back."""
        self._require_open()
        link = self._assay_link
        with link.lock:
            self._send(link.rollback(self))

    def _send(self, commands: list[str]) -> None:
        link = self._assay_link
        try:
            link.send(commands)
        except psycopg2.Error as error:
            if not link.is_open:
                link.lost(None)
                raise
            link.broke(error)

    def close(self) -> None:
        """Close it: what it has not committed is gone."""
        if self._closed:
            return
        link = self._assay_link
        with link.lock:
            if self.ident in link.universe.open and not link.is_lost and link.is_open:
                self._send(link.rollback(self))
            self._closed = True

    def run(self, text: str, call: Callable[[], Any], *, declares: bool = False) -> Any:
        """Run one statement in this connection's transaction."""
        self._require_open()
        link = self._assay_link
        statement = classify(f"DECLARE {text}" if declares else text)
        with link.lock:
            try:
                self._send(link.before(self, statement))
            except FailedTransactionError as error:
                raise _refusal(error) from None
            link.journal.messages += 1
            try:
                result = call()
            except psycopg2.Error as error:
                self._statement_failed(statement, error)
                raise
            except BaseException:
                self._statement_failed(statement, None)
                raise
            link.after(self, statement)
            if self._autocommit:
                self.commit()
            return result

    def _statement_failed(self, statement: Statement, error: Any) -> None:
        link = self._assay_link
        if not link.is_open:
            link.lost(statement)
            return
        if link.is_aborted():
            self._send(link.failed(self, statement, getattr(error, "pgcode", None)))
            if self._autocommit:
                self._send(link.rollback(self))
        else:
            link.after(self, statement)

    def __enter__(self) -> Self:
        self._require_open()
        return self

    def __exit__(self, kind: object, error: object, trace: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def lobject(self, *_arguments: Any, **_keywords: Any) -> NoReturn:
        """Leave it to a clone: the driver begins and ends transactions of its own around it."""
        text = "psycopg2 sends what a large object needs past every cursor"
        self._assay_link.refuse("large-object", text)

    def cancel(self) -> None:
        """Cancel what runs on the physical connection."""
        self._assay_link.raw.cancel()

    def reset(self) -> None:
        """Roll back and return to the defaults."""
        self.rollback()
        if self.session.current:
            self._assay_link.refuse("reset", "RESET ALL would reset every connection of the test")
        self._autocommit, self._level = False, None
        self._read_only = self._deferrable = None

    # -- transactions as properties -------------------------------------------------------

    @property
    def status(self) -> int:
        """READY or BEGIN, of the logical transaction."""
        begun = self.ident in self._assay_link.universe.open
        return ext.STATUS_BEGIN if begun else ext.STATUS_READY

    def get_transaction_status(self) -> int:
        """IDLE, INTRANS or INERROR, of the logical transaction."""
        txn = self._assay_link.universe.open.get(self.ident)
        if txn is None:
            return ext.TRANSACTION_STATUS_IDLE
        return ext.TRANSACTION_STATUS_INERROR if txn.failed else ext.TRANSACTION_STATUS_INTRANS

    def _require_idle(self) -> None:
        if self.ident in self._assay_link.universe.open:
            raise psycopg2.ProgrammingError("set_session cannot be used inside a transaction")

    @property
    def autocommit(self) -> bool:
        """Each statement is a transaction of its own."""
        return self._autocommit

    @autocommit.setter
    def autocommit(self, value: bool) -> None:
        self._require_idle()
        self._autocommit = bool(value)

    @property
    def isolation_level(self) -> int | None:
        """As set by ``set_isolation_level`` or ``set_session``."""
        return ext.ISOLATION_LEVEL_AUTOCOMMIT if self._autocommit else self._level

    @isolation_level.setter
    def isolation_level(self, value: Any) -> None:
        self._require_idle()
        self._level = _level(value)

    def set_isolation_level(self, level: int | None) -> None:
        """Roll back and set the level; 0 means autocommit."""
        self.rollback()
        self._autocommit = level == ext.ISOLATION_LEVEL_AUTOCOMMIT
        if not self._autocommit:
            self._level = level

    @property
    def readonly(self) -> bool | None:
        """Its transactions are read-only."""
        return self._read_only

    @readonly.setter
    def readonly(self, value: Any) -> None:
        self._require_idle()
        self._read_only = _flag(value)

    @property
    def deferrable(self) -> bool | None:
        """Accepted; without effect inside a savepoint."""
        return self._deferrable

    @deferrable.setter
    def deferrable(self, value: Any) -> None:
        self._require_idle()
        self._deferrable = _flag(value)

    def set_session(
        self,
        isolation_level: Any = None,
        readonly: Any = None,
        deferrable: Any = None,
        autocommit: Any = None,
    ) -> None:
        """Set the properties of the transactions to come."""
        self._require_idle()
        if isolation_level is not None:
            self._level = _level(isolation_level)
        if readonly is not None:
            self._read_only = _flag(readonly)
        if deferrable is not None:
            self._deferrable = _flag(deferrable)
        if autocommit is not None:
            self._autocommit = bool(autocommit)

    def tpc_begin(self, xid: Any) -> None:
        """Two-phase commits need a real transaction."""
        self._assay_link._refuse(self, classify("PREPARE TRANSACTION 'tpc'"))

    def xid(self, *arguments: Any) -> Any:
        """Return a transaction id."""
        return self._assay_link.raw.xid(*arguments)

    def set_client_encoding(self, encoding: str) -> None:
        """Set the encoding, for this connection only."""
        with self.cursor() as cursor:
            cursor.execute(f"SET client_encoding TO '{encoding}'")

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self._assay_link.raw, name)

    def __repr__(self) -> str:
        return (
            f"<sandboxed psycopg2 connection {self.ident} to {self._assay_link.place.database!r}>"
        )

    def __hash__(self) -> int:
        return id(self)

    def __eq__(self, other: object) -> bool:
        return self is other


def _refusal(failed: FailedTransactionError) -> Any:
    """Return the error that the server would answer with."""
    if failed.args:
        text = f'savepoint "{failed.args[0]}" does not exist\n'
        error: Any = psycopg2.errors.InvalidSavepointSpecification(text)
        state = "3B001"
    else:
        text = "current transaction is aborted, commands ignored until end of transaction block\n"
        error, state = psycopg2.errors.InFailedSqlTransaction(text), "25P02"
    error.__setstate__({"pgerror": f"ERROR:  {text}", "pgcode": state})
    return error


def _level(value: Any) -> int | None:
    if value is None or str(value).upper() == "DEFAULT":
        return None
    return _NAMES[value.upper()] if isinstance(value, str) else int(value)


def _flag(value: Any) -> bool | None:
    return None if value is None or str(value).upper() == "DEFAULT" else bool(value)
