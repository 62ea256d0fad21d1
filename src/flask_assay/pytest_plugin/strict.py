"""``assay_strict``: a test that uses the database has to say so."""

import contextlib
from collections.abc import Iterator

import pytest

from flask_assay.errors import UsageError
from flask_assay.pytest_plugin.host import Host
from flask_assay.sandbox.signals import SignalKind, call_site

__all__ = ["UNDECLARED", "Strictness"]

UNDECLARED = "undeclared-database"
_FIXTURES = frozenset({"assay_db", "db"})


class Strictness:
    """Refuses connections to tests that neither ask for a database nor carry the marker.

    Args:
        host: Of this process.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    @contextlib.contextmanager
    def around(self, item: pytest.Item) -> Iterator[None]:
        """Refuse while a test runs that declares nothing."""
        if _declares(item):
            yield
            return
        self._host.gate = self._refuse
        try:
            yield
        finally:
            self._host.gate = None

    def _refuse(self) -> None:
        """Refuse, and fail the test even if the app swallows it; shared fixtures may connect."""
        if self._host.sandbox._current is None:
            return
        site = call_site()
        text = "the test uses the database without declaring it"
        self._host.sandbox.note(SignalKind.LEAK, UNDECLARED, text)
        raise UsageError(
            f"{text}, at {site or 'an unknown place'}",
            why="assay_strict is set in pytest's settings.",
            todo="Ask for the fixture assay_db or db, or mark the test: @pytest.mark.assay()",
        )


def _declares(item: pytest.Item) -> bool:
    if item.get_closest_marker("assay") is not None:
        return True
    if not _FIXTURES.isdisjoint(getattr(item, "fixturenames", ())):
        return True
    return hasattr(getattr(item, "cls", None), "assay_recipe")  # an AssayTestCase
