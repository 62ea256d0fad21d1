"""A clock that freezegun or time-machine has stopped is stopped for the database as well.

``now()`` and its relatives are replaced in the statements that SQLAlchemy sends, and in the
column defaults of the table that an ``INSERT`` names: these are altered inside the test, and
go with it.  Raw driver cursors, triggers and functions keep the server's clock.
"""

import contextlib
import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from flask_assay.pytest_plugin.host import Host

__all__ = ["FrozenClock", "frozen_now", "with_moment"]

_CLOCK = re.compile(
    r"""
    (?P<kept>'(?:[^']|'')*' | "[^"]*" | \$(?P<tag>\w*)\$.*?\$(?P=tag)\$ | --[^\n]* | /\*.*?\*/)
    | (?<![\w.]) (?:pg_catalog\s*\.\s*)?
      (?:now|transaction_timestamp|statement_timestamp|clock_timestamp) \s* \(\s*\)
    | (?<![\w.]) (?P<name>current_timestamp|localtimestamp|current_date|current_time|localtime)
      \b (?:\s*\(\s*\d\s*\))?
    """,
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_CASTS = {
    "localtimestamp": "::timestamp",
    "current_date": "::date",
    "current_time": "::timetz",
    "localtime": "::time",
}
_DATA = re.compile(r"\s*(?:select|insert|update|delete|with|values|merge)\b", re.IGNORECASE)
_INTO = re.compile(
    r"\binsert\s+into\s+((?:[\w$]+|\"[^\"]+\")(?:\s*\.\s*(?:[\w$]+|\"[^\"]+\"))?)", re.IGNORECASE
)
_DEFAULTS = """
SELECT quote_ident(attname), pg_get_expr(adbin, adrelid)
FROM pg_attrdef JOIN pg_attribute ON attrelid = adrelid AND attnum = adnum
WHERE adrelid = %s::regclass AND attgenerated = ''
"""


def frozen_now() -> datetime | None:
    """Return the time that freezegun or time-machine shows, None if the clock runs free."""
    machine = sys.modules.get("time_machine")
    if machine is not None and machine.escape_hatch.is_travelling():
        return datetime.now(UTC)
    freezer = sys.modules.get("freezegun.api")
    if freezer is not None and freezer.freeze_factories:
        moment: datetime = freezer.freeze_factories[-1]()
        return moment.replace(tzinfo=UTC)
    return None


def with_moment(text: str, moment: datetime) -> str:
    """Return SQL in which the server's clock is replaced by a moment.

    Example:
        >>> with_moment("select now(), 'now()'", datetime(2030, 1, 2, tzinfo=UTC))
        "select (timestamptz '2030-01-02T00:00:00+00:00'), 'now()'"
    """
    literal = f"(timestamptz '{moment.isoformat()}')"

    def replaced(match: re.Match[str]) -> str:
        if match["kept"] is not None:
            return match[0]
        cast = _CASTS.get((match["name"] or "").lower(), "")
        return f"({literal}{cast})" if cast else literal

    return _CLOCK.sub(replaced, text)


class FrozenClock:
    """Listens to SQLAlchemy's engines once a freezing library is there.

    Args:
        host: Of this process.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._is_attached = False
        self._altered: set[str] = set()
        self._known: dict[str, list[tuple[str, str]]] = {}

    @contextlib.contextmanager
    def around(self, item: pytest.Item) -> Iterator[None]:
        """Listen from the first test on that finds a freezing library imported."""
        if not self._is_attached and not {"freezegun", "time_machine"}.isdisjoint(sys.modules):
            self._attach()
        self._altered.clear()
        yield

    def pytest_unconfigure(self) -> None:
        """Stop listening; idempotent."""
        if self._is_attached:
            from sqlalchemy import event
            from sqlalchemy.engine import Engine

            event.remove(Engine, "before_cursor_execute", self._rewrite)
            self._is_attached = False

    def _attach(self) -> None:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        event.listen(Engine, "before_cursor_execute", self._rewrite, retval=True)
        self._is_attached = True
        freezer = sys.modules.get("freezegun")
        if freezer is not None:
            # The sandbox waits with deadlines, which need a clock that runs.
            freezer.configure(extend_ignore_list=["flask_assay"])

    def _rewrite(
        self, connection: Any, cursor: Any, statement: str, parameters: Any, *_rest: Any
    ) -> tuple[str, Any]:
        if self._host.stands_back:
            return statement, parameters
        moment = frozen_now()
        if (moment is None and not self._altered) or not _DATA.match(statement):
            return statement, parameters
        self._set_defaults(connection, statement, moment)
        return (statement if moment is None else with_moment(statement, moment)), parameters

    def _set_defaults(self, connection: Any, statement: str, moment: datetime | None) -> None:
        found = _INTO.search(statement)
        if found is None or not self._has_clock(found[1]):
            return
        table = found[1]
        if moment is None and table not in self._altered:
            return
        with self._unheard(), contextlib.closing(connection.connection.cursor()) as cursor:
            for column, expression in self._defaults(cursor, table):
                default = expression if moment is None else with_moment(expression, moment)
                # Without arguments, so that a driver leaves per cent signs alone.
                cursor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET DEFAULT {default}")
        (self._altered.add if moment is not None else self._altered.discard)(table)

    def _has_clock(self, table: str) -> bool:
        name = table.rpartition(".")[2].strip().strip('"').lower()
        templates = self._host.sandbox.templates.values()
        return any(name in one.facts.link.clock_tables for one in templates)

    def _defaults(self, cursor: Any, table: str) -> list[tuple[str, str]]:
        """Return columns whose default reads the clock, with the template's expression."""
        known = self._known.get(table)
        if known is None:
            cursor.execute(_DEFAULTS, (table,))
            rows = [(str(column), str(text)) for column, text in cursor.fetchall()]
            epoch = datetime.fromtimestamp(0, UTC)
            known = [(column, text) for column, text in rows if with_moment(text, epoch) != text]
            self._known[table] = known
        return known

    @contextlib.contextmanager
    def _unheard(self) -> Iterator[None]:
        """Keep our own statements out of ``assay_queries``."""
        current = self._host.sandbox._current
        if current is None:
            yield
            return
        journal = current.journal
        heard, journal.queries = journal.queries, None
        try:
            yield
        finally:
            journal.queries = heard
