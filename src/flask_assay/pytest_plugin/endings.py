"""Tests that end badly: a timer for each attempt, and a server that is gone."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

from flask_assay.pytest_plugin.host import Host

__all__ = ["ServerWatch", "Timers"]

_timer = pytest.StashKey[Any]()
_LOG_LINES = 12
_RETRY = "FATAL:  the database system is"
"""What a server that recovers answers to each attempt to connect."""


class Timers:
    """Gives each attempt at a test the whole time that pytest-timeout allows.

    pytest-timeout sets its timer once per test, and a failure cancels it: without this, an
    attempt after a failed one could hang for ever.
    """

    @pytest.hookimpl(tryfirst=True, optionalhook=True)
    def pytest_timeout_set_timer(self, item: pytest.Item, settings: Any) -> None:
        """Remember the settings of a test's timer."""
        if not settings.func_only:
            item.stash[_timer] = settings

    @contextlib.contextmanager
    def renewed(self, item: pytest.Item) -> Iterator[None]:
        """Begin to count anew."""
        settings = item.stash.get(_timer, None)
        if settings is None:
            yield
            return
        item.ihook.pytest_timeout_cancel_timer(item=item)
        item.ihook.pytest_timeout_set_timer(item=item, settings=settings)
        try:
            yield
        finally:
            item.ihook.pytest_timeout_cancel_timer(item=item)


class ServerWatch:
    """Looks after the server when a test has failed.

    Args:
        host: Of this process.
    """

    def __init__(self, host: Host) -> None:
        self._host = host

    def look(self, item: pytest.Item, *, failed: bool) -> str:
        """Return why no further test can run; "" if the server is there.

        After a failure, a server whose processes were restarted is waited for, and connections
        that did not survive it are replaced, so that the next test does not pay for this one.
        """
        sandbox = self._host.sandbox
        if not sandbox.server.is_gone:
            if failed:
                sandbox.ping()
            return ""
        return (
            f"assay: the PostgreSQL of this run is gone, since {item.nodeid} or shortly before. "
            f"Run the tests again.{self._last_words()}"
        )

    def _last_words(self) -> str:
        if self._host.is_worker:
            return ""
        lines: list[str] = []
        for path in sorted(self._host.supervisor.run.logs.glob("postgres*")):
            log = path.read_text(errors="replace").splitlines()
            lines += [line for line in log if _RETRY not in line][-_LOG_LINES:]
        return "".join(f"\n  {line}" for line in ("The end of its log:", *lines)) if lines else ""
