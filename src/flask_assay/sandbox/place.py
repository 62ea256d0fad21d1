"""Where a worker's database is, and what is known about its template."""

from dataclasses import dataclass

__all__ = ["Place", "SequenceFact", "TemplateFacts"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a worker's database is.

    Attributes:
        host: Directory of the server's unix socket, or a host name.
        port: The server's port.
        database: Name of the database.
        user: Role that the app connects as.
        password: "" where none is needed.
    """

    host: str
    port: int
    database: str
    user: str
    password: str = ""

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
    functions: frozenset[str] = frozenset()
    clock_tables: frozenset[str] = frozenset()
