"""Shared fixtures: what they write is a layer below the tests, undone when their scope ends."""

import contextlib
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest

from flask_assay.pytest_plugin.host import Host

__all__ = ["Layers"]


class Layers:
    """Keeps one layer per class, module, package or session that has shared fixtures.

    A fixture of a wider scope that is first asked for inside a narrower layer is a *guest*
    there: it is finished with the layer, and executed again when it is asked for next.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._nodes: list[Any] = []
        self._guests: dict[Any, list[tuple[Any, Any]]] = {}
        self._late: list[tuple[Any, Any]] = []
        self._failure: BaseException | None = None

    @contextlib.contextmanager
    def around(self, fixturedef: Any, request: Any) -> Iterator[None]:
        """Run the set-up of a fixture in the layer where it belongs."""
        sandbox = self._host.sandbox if self._host.is_started else None
        if fixturedef.scope == "function" or sandbox is None:
            yield
        elif sandbox.gear == "clone" or sandbox.is_touched:
            before = self._host.uses
            yield
            if self._host.uses != before:
                # Its rows go with the test's clone, or with what the test did already.
                self._late.append((fixturedef, request))
        else:
            with sandbox.outside():
                self._settle(fixturedef, request)
                yield

    def _settle(self, fixturedef: Any, request: Any) -> None:
        """Make the layer of the fixture's scope, if there is none."""
        node = request.node
        if self._nodes and node in self._nodes[-1].listchain():
            if self._nodes[-1] is not node:
                self._guests[self._nodes[-1]].append((fixturedef, request))
            return
        self._host.sandbox.enter_layer(str(node.nodeid) or "session")
        self._nodes.append(node)
        self._guests[node] = []
        node.addfinalizer(partial(self._leave, node))

    def _leave(self, node: Any) -> None:
        while node in self._nodes:
            innermost = self._nodes.pop()
            for fixturedef, request in reversed(self._guests.pop(innermost)):
                fixturedef.finish(request)
            self._host.sandbox.leave_layer()

    def renew(self, item: Any) -> None:
        """Tear shared fixtures down, so that they are executed again for the next attempt.

        What that raises is raised again in the set-up of that attempt.
        """
        self._host.sandbox.layers_lost_by = ""
        try:
            item.session._setupstate.teardown_exact(None)
        except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - raised below
            self._failure = error

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_setup(self) -> None:
        """Report a fixture that could not be torn down."""
        failure, self._failure = self._failure, None
        if failure is not None:
            raise failure

    def test_is_over(self) -> None:
        """Finish shared fixtures whose rows went with the test."""
        while self._late:
            fixturedef, request = self._late.pop()
            fixturedef.finish(request)
