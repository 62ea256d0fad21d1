"""Work that goes on after its test: it reaches the database of another one, so it is named."""

import contextlib
import threading
from collections.abc import Callable, Iterator
from weakref import WeakKeyDictionary

import pytest

from flask_assay.pytest_plugin.host import Host
from flask_assay.sandbox.signals import call_site

__all__ = ["LateWork"]

Tell = Callable[[str, str], None]


class LateWork:
    """Notes which test began each thread, or in which one it first used a database.

    A thread of an executor is given work by whoever comes next; it is not looked at.

    Args:
        host: Of this process.
        tell: Is told the test that was disturbed, and by what.
    """

    def __init__(self, host: Host, tell: Tell) -> None:
        self._tell = tell
        self._label = ""
        self._began: WeakKeyDictionary[threading.Thread, str] = WeakKeyDictionary()
        self._told: set[str] = set()
        host.listeners.append(self._used)

    @contextlib.contextmanager
    def around(self, item: pytest.Item) -> Iterator[None]:
        """Take what uses a database for the test's own."""
        self._label = item.nodeid
        before = set(threading.enumerate())
        try:
            yield
        finally:
            for thread in threading.enumerate():
                if thread not in before:
                    self._began.setdefault(thread, item.nodeid)

    def _used(self) -> None:
        thread = threading.current_thread()
        if thread is threading.main_thread() or thread.name.startswith("ThreadPoolExecutor"):
            return
        began = self._began.setdefault(thread, self._label)
        if began == self._label or began in self._told:
            return
        self._told.add(began)
        site = call_site() or "an unknown place"
        self._tell(
            self._label,
            f"thread {thread.name} of {began} used the database after its test was over, at {site}",
        )
