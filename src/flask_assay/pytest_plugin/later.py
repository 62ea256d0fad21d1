"""``--assay-confirm=later``: doubts are looked into when all other tests are done."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import pytest

from flask_assay.sandbox.signals import Signal

__all__ = ["Later"]

Confirm = Callable[[pytest.Item, pytest.Item | None, Signal], None]


class Later:
    """Keeps the tests that passed with a doubt, and confirms them after the last one.

    Args:
        confirm: Runs a test on a clone and reports a difference; it is given the next one, too,
            whose shared fixtures stay.
    """

    def __init__(self, confirm: Confirm) -> None:
        self._confirm = confirm
        self._waiting: list[tuple[pytest.Item, Signal]] = []

    def put(self, item: pytest.Item, doubt: Signal) -> None:
        """Keep a test for later."""
        self._waiting.append((item, doubt))

    @pytest.hookimpl(wrapper=True)
    def pytest_runtestloop(self, session: pytest.Session) -> Any:
        """Confirm what waits, unless the run is to stop."""
        result = yield
        for item, doubt, following in self._pairs():
            if session.shouldfail or session.shouldstop:
                break
            self._confirm(item, following, doubt)
        return result

    def _pairs(self) -> Iterator[tuple[pytest.Item, Signal, pytest.Item | None]]:
        waiting, self._waiting = self._waiting, []
        for (item, doubt), (following, _) in pairwise(waiting):
            yield item, doubt, following
        if waiting:
            item, doubt = waiting[-1]
            yield item, doubt, None
