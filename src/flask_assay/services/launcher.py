"""The step between fork and exec: register, drop root, tie to the parent, become the program.

It runs in an interpreter of its own, because code between fork and exec in a process with
threads may deadlock. Order matters:

1. register, so that no process of the run is ever unknown to the watchdog;
2. lay out the server's data directory, if it has none yet, and give it away;
3. drop root;
4. ask for a signal at the parent's death, *after* the drop, because a change of user clears it;
5. look whether the parent is still there, because it may have died before 4.
"""

import contextlib
import ctypes
import json
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, Self

from flask_assay.services.layout import Layout
from flask_assay.services.processes import identify
from flask_assay.services.registrations import Registration, register

__all__ = ["NOT_EXECUTABLE", "NOT_LAID_OUT", "PARENT_GONE", "LaunchOrder", "main"]

PR_SET_PDEATHSIG = 1
NOT_EXECUTABLE = 126
PARENT_GONE = 125
NOT_LAID_OUT = 124


class LaunchOrder(NamedTuple):
    """What the launcher is told.

    Attributes:
        name: The process's name within the run.
        argv: The program and its arguments.
        registry: The run's ``processes`` directory.
        parent: Pid of the owner.
        end_signal: What ends the program orderly and at once.
        is_tied: Whether the signal is sent at the parent's death, too.
        uid: User to become; None stays.
        gid: Group to become.
        layout: A directory to make first.
    """

    name: str
    argv: list[str]
    registry: str
    parent: int
    end_signal: int
    is_tied: bool
    uid: int | None = None
    gid: int | None = None
    layout: Layout | None = None

    def to_json(self) -> str:
        """Return the order as one command line argument."""
        layout = self.layout._asdict() if self.layout else None
        return json.dumps({**self._asdict(), "layout": layout})

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the order in a command line argument."""
        document = json.loads(text)
        layout = document.pop("layout")
        return cls(**document, layout=Layout(**layout) if layout else None)


def main() -> None:
    """Carry out the order in the last argument."""
    order = LaunchOrder.from_json(sys.argv[-1])
    prctl = _prctl()
    identity = identify(os.getpid())
    assert identity is not None
    entry = Registration(order.name, identity, order.end_signal, os.getsid(0))
    register(Path(order.registry), entry)
    if order.layout is not None:
        _lay_out(order.layout)
    if order.uid is not None and order.gid is not None:
        os.setgroups([])
        os.setgid(order.gid)
        os.setuid(order.uid)
    if order.is_tied and prctl is not None:
        prctl(PR_SET_PDEATHSIG, order.end_signal, 0, 0, 0)
    if os.getppid() != order.parent:
        sys.exit(PARENT_GONE)
    try:
        os.execvp(order.argv[0], order.argv)  # noqa: S606 - becoming it is the point
    except OSError as error:
        sys.stderr.write(f"{order.argv[0]}: {error.strerror}\n")
        sys.exit(NOT_EXECUTABLE)


def _lay_out(layout: Layout) -> None:
    try:
        layout.make()
    except OSError as error:
        sys.stderr.write(f"{layout.target} could not be filled: {error}\n")
        sys.exit(NOT_LAID_OUT)


def _prctl() -> Callable[..., int] | None:
    with contextlib.suppress(AttributeError, OSError):
        prctl: Callable[..., int] = ctypes.CDLL(None, use_errno=True).prctl
        return prctl
    return None
