"""Child processes: they cannot see what a test has not really committed."""

import contextlib
import sys
from collections.abc import Iterator
from types import FrameType
from typing import Any

import pytest

from flask_assay.pytest_plugin.host import Host
from flask_assay.sandbox.signals import SignalKind

__all__ = ["CHILD", "ChildWatch"]

CHILD = "child-process"


_LOOK_UPS = frozenset({"platform", "ctypes.util", "uuid"})
"""Modules that start a process to learn about the machine; SDKs ask them at their first call."""


class ChildWatch:
    """Notes on the running test that it started a process.

    An audit hook cannot be removed: one is installed with the first test, and listens only
    `around` tests.
    """

    def __init__(self, host: Host) -> None:
        self._host = host
        self._is_hooked = self._is_watching = False

    @contextlib.contextmanager
    def around(self, item: pytest.Item) -> Iterator[None]:
        """Listen while a test runs."""
        if not self._is_hooked:
            self._is_hooked = True
            sys.addaudithook(self._hear)
        self._is_watching = True
        try:
            yield
        finally:
            self._is_watching = False

    def _hear(self, event: str, _arguments: tuple[Any, ...]) -> None:
        if not self._is_watching or self._host.is_over:
            return
        if event == "os.fork":
            text = "a forked process would share the sandbox's connection"
            self._host.sandbox.note(SignalKind.HARD, "fork", text)
        elif event == "subprocess.Popen" and not _is_look_up():
            text = "another process cannot see what a test has not really committed"
            self._host.sandbox.note(SignalKind.DOUBT, CHILD, text)


def _is_look_up() -> bool:
    frame: FrameType | None = sys._getframe(2)
    while frame is not None:
        if frame.f_globals.get("__name__") in _LOOK_UPS:
            return True
        frame = frame.f_back
    return False
