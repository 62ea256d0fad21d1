"""Ids that differ from table to table and test to test, to find tests that count on them."""

from typing import Any

import pytest

from flask_assay.pytest_plugin.host import Host
from flask_assay.pytest_plugin.marks import is_off, stated
from flask_assay.pytest_plugin.resources.database import TestDatabase

__all__ = ["RandomIds"]

# Each sequence gets a range of its own; a small one (smallint) stays below its end.
_MOVE = """
SELECT setval(
    format('%%I.%%I', schemaname, sequencename)::regclass,
    least(
        coalesce(last_value, start_value) + 1000 * place + 1 + chance %% 900, max_value - 1000
    )
)
FROM (
    SELECT *, row_number() OVER (ORDER BY chance) AS place
    FROM (
        SELECT *, ('x' || left(md5(sequencename || %s), 7))::bit(28)::int AS chance
        FROM pg_sequences WHERE schemaname <> 'flask_assay' AND increment_by > 0
    ) AS one
) AS placed
WHERE max_value - 1000 > coalesce(last_value, start_value)
"""


class RandomIds:
    """Moves the sequences of a test that asks for it; the same test gets the same ids again.

    This waits for the first fixture of function scope: what shared fixtures write lies below
    the test and keeps its ids.

    Args:
        host: Of this process.
        is_default: Whether tests without a marker get random ids.
    """

    def __init__(self, host: Host, *, is_default: bool) -> None:
        self._host, self._is_default = host, is_default
        self._waiting: pytest.Item | None = None

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Look at the marker."""
        wanted = stated(item, "ids")
        is_wanted = wanted == "random" or (wanted is None and self._is_default)
        self._waiting = item if is_wanted and not is_off(item) else None

    @pytest.hookimpl(tryfirst=True)
    def pytest_fixture_setup(self, fixturedef: Any) -> None:
        """Move the sequences before the first fixture of the test's own."""
        if fixturedef.scope == "function":
            self._move()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_call(self) -> None:
        """Move the sequences if no fixture came first."""
        self._move()

    def _move(self) -> None:
        item, self._waiting = self._waiting, None
        if item is not None:
            TestDatabase(self._host).sql(_MOVE, (item.nodeid,))
