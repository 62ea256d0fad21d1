"""Dead rows: what tests left when they were undone, removed between two of them.

PostgreSQL keeps the rows of a transaction that was rolled back until their table is vacuumed,
and every scan passes them. Who does that, and when: decision 0007.
"""

from collections.abc import Callable, Iterable
from contextlib import closing, suppress
from time import monotonic
from typing import Any

from flask_assay.model.owned import OwnedDatabase
from flask_assay.sandbox.admin import Admin

__all__ = ["DeadRows", "vacuum_grown"]

SHORTEST_S = 1.0
LONGEST_S = 8.0
"""A database in which nothing is found is looked at more and more rarely, down to this."""

# A table's pages are counted in the catalog whenever it is vacuumed; at first they are the
# template's. What another transaction holds, be it that of a shared fixture, is passed over: it
# could not be cut to its size, and as the rows of that transaction are not counted, the planner
# would take its pages for empty.
_GROWN = """
SELECT format('%I.%I', nspname, c.relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_class t ON t.oid = c.reltoastrelid
WHERE c.relkind IN ('r', 'm') AND c.relpersistence <> 't' AND NOT c.relisshared
AND CASE
    WHEN c.oid IN (
        SELECT relation FROM pg_locks
        WHERE database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND pid IS DISTINCT FROM pg_backend_pid())
    THEN false
    ELSE pg_relation_size(c.oid) + coalesce(pg_relation_size(t.oid), 0)
        > (c.relpages + coalesce(t.relpages, 0)) * 1.25 * current_setting('block_size')::int
          + 262144
END"""
# Without ANALYZE: statistics stay the template's, and plans with them. Indexes are cleaned
# whatever their share of dead rows is, and a table's file is cut to what lives in it.
_VACUUM = "VACUUM (SKIP_LOCKED, INDEX_CLEANUP ON, TRUNCATE, SKIP_DATABASE_STATS)"


class DeadRows:
    """Looks at databases now and then, and vacuums the tables that have grown.

    Args:
        clock: Seconds.
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._pauses: dict[str, float] = {}
        self._times: dict[str, float] = {}

    def claim(self, database: str) -> bool:
        """Whether it is time to look at a database; if so, the next time is later."""
        now, time = self._clock(), self._times.get(database)
        if time is not None and now < time:
            return False
        pause = self._pauses.get(database, SHORTEST_S / 2)
        self._plan(database, min(2 * pause, LONGEST_S))
        return time is not None

    def _plan(self, database: str, pause: float) -> None:
        self._pauses[database] = pause
        self._times[database] = self._clock() + pause

    def remove(self, database: str, connection: Any) -> None:
        """Vacuum what has grown; whatever prevents that is no concern of a test.

        Args:
            database: Its name.
            connection: Of ours, to that database, in autocommit.
        """
        with suppress(Exception):
            if vacuum_grown(connection):
                self._plan(database, SHORTEST_S)

    def look(
        self, databases: Iterable[OwnedDatabase], admin: Admin, *, first: Callable[[], None]
    ) -> None:
        """Remove the dead rows of those databases whose turn it is.

        Args:
            databases: Of this worker; no test is running on them.
            admin: Connects to them.
            first: Ends the transactions of tests that are over, if any turn has come.
        """
        due = [db.name for db in databases if self.claim(db.name)]
        if due:
            first()
        for name in due:
            with suppress(Exception), closing(admin.connect(name)) as connection:
                self.remove(name, connection)


def vacuum_grown(connection: Any) -> list[str]:
    """Vacuum the tables that have grown since they were last; return their names.

    What others hold is passed over, not waited for.
    """
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '1s'")
        cursor.execute(_GROWN)
        tables = [name for (name,) in cursor.fetchall()]
        if tables:
            cursor.execute(f"{_VACUUM} {', '.join(tables)}")
    return tables
