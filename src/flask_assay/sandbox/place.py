"""Where a worker's database is, and what is known about its template."""

from dataclasses import dataclass

__all__ = ["NEUTRAL", "Place", "SequenceFact", "TemplateFacts"]

NEUTRAL = "-c idle_in_transaction_session_timeout=0 -c statement_timeout=0"
"""Options of a physical connection that logical ones share: timeouts belong to those."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker's database is.

    Attributes:
        host: Directory of the server's unix socket, or a host name.
        port: The server's port.
        database: Name of the database.
        user: Role that the app connects as.
        password: "" where none is needed.
        lock_wait_s: How long a statement may wait for a lock; 0 waits for ever.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = ""
    lock_wait_s: float = 0.0

    def options(self, own: str = "") -> str:
        """Return libpq's ``options``: ours first, so that an app's own settings win."""
        if not self.lock_wait_s:
            return own
        return f"-c lock_timeout={round(self.lock_wait_s * 1000)} {own}".strip()

    def parameters(self) -> dict[str, str]:
        """Return it as libpq's connection parameters."""
        known = {
            "host": self.host,
            "port": str(self.port),
            "dbname": self.database,
            "user": self.user,
        }
        return {**known, "password": self.password} if self.password else known


@dataclass(frozen=True, slots=True, order=True)
class SequenceFact:
    """A sequence of the template.

    Attributes:
        number: Its object id; a clone has its template's.
        value: Its last value.
        is_called: Whether that value was handed out.
        words: Lower-case names whose mention lets a statement move it; () if any may.
    """

    number: int
    value: int
    is_called: bool
    words: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TemplateFacts:
    """What a rollback cannot undo by itself, or needs to know about the template.

    Attributes:
        restore_sequences: One statement that puts moved sequences back; "" if there are none.
        restore_sequences_fully: Slower, and right after ``setval(…, false)`` as well.
        sequences: All of them.
        unpredictable: Lower-case names of tables and views whose use may move sequences that
            no statement names: triggers, rules, defaults that call functions.
        has_deferrable: It has deferrable constraints or constraint triggers.
        initially_deferred: Quoted, qualified names of those that are initially deferred.
        tables: Lower-case table names.
        views: Lower-case names of views and foreign tables, which show what others hold.
        functions: Lower-case names of functions that are not PostgreSQL's own.
        clock_tables: Tables with a column default that reads the clock.
    """

    restore_sequences: str = ""
    restore_sequences_fully: str = ""
    sequences: tuple[SequenceFact, ...] = ()
    unpredictable: frozenset[str] = frozenset()
    has_deferrable: bool = False
    initially_deferred: tuple[str, ...] = ()
    tables: frozenset[str] = frozenset()
    views: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    clock_tables: frozenset[str] = frozenset()
