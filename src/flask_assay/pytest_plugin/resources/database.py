"""The test's database, for tests that want to know."""

import contextlib
from collections.abc import Iterator
from typing import Any

from flask_assay.pytest_plugin.host import Host
from flask_assay.sandbox.checkout import Gear

__all__ = ["TestDatabase"]


class TestDatabase:
    """What ``assay_db`` is.

    Args:
        host: Of this process.
    """

    __test__ = False

    def __init__(self, host: Host) -> None:
        self._host, self._sandbox = host, host.sandbox

    @property
    def gear(self) -> Gear:
        """The gear that the test runs in."""
        return self._sandbox.gear

    @property
    def url(self) -> str:
        """URL of the database; in the rollback gear other processes see the template there."""
        place = self._sandbox.place({})
        return f"postgresql://{place.user}@/{place.database}?host={place.host}&port={place.port}"

    def reset(self) -> None:
        """Go back to the template's state in the middle of a test."""
        self._sandbox.reset()

    @contextlib.contextmanager
    def down(self) -> Iterator[None]:
        """Refuse every connection for a while, as if the server were gone.

        A connection that the app has checked out already goes on working.
        """
        self._host.is_down = True
        try:
            yield
        finally:
            self._host.is_down = False

    def sql(self, text: str, parameters: Any = None) -> list[tuple[Any, ...]]:
        """Run one statement in the test's sandbox, committed, and return its rows."""
        connection = self._sandbox.own_connection()
        try:
            with connection.cursor() as cursor:
                cursor.execute(text, parameters)
                rows = list(cursor.fetchall()) if cursor.description else []
            connection.commit()
            return rows
        finally:
            connection.close()
