"""What a sandbox notices about a test, and the exceptions that stop one."""

import sys
import sysconfig
import threading
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from types import FrameType

from flask_assay.errors import AssayError

__all__ = [
    "GearChangeError",
    "IsolationLeakError",
    "Journal",
    "Query",
    "Signal",
    "SignalKind",
    "call_site",
]


class SignalKind(Enum):
    """How much a signal weighs."""

    HARD = "hard"
    """The rollback gear cannot show this: the attempt is thrown away, a clone takes over."""
    DOUBT = "doubt"
    """The outcome may differ from production; confirmed once on a clone."""
    DOUBT_IF_FAILED = "doubt-if-failed"
    """Too common to confirm each; a failure with it is run on a clone before it counts."""
    LEAK = "leak"
    """Something left the sandbox: the test fails, the database is replaced."""


@dataclass(frozen=True, slots=True)
class Signal:
    """One thing that was noticed.

    Attributes:
        kind: How much it weighs.
        reason: Short name, stable over releases.
        text: The mechanism, in a sentence.
        statement: The statement, without its literals.
        site: "file:line" of the code that sent it, "" if unknown.
        thread: Name of the thread that sent it.
    """

    kind: SignalKind
    reason: str
    text: str
    statement: str = ""
    site: str = ""
    thread: str = ""

    def __str__(self) -> str:
        where = f" at {self.site}" if self.site else ""
        what = f": {self.statement}" if self.statement else ""
        return f"{self.text}{what}{where}"


@dataclass(frozen=True, slots=True)
class Query:
    """A statement that the app sent, for ``assay_queries``.

    Attributes:
        text: The statement, without its literals.
        site: "file:line" of the code that sent it.
    """

    text: str
    site: str


@dataclass(slots=True)
class Journal:
    """What was noticed during one test.

    Attributes:
        label: The test.
        signals: In the order of their appearance, one per reason.
        statements: How many statements the app sent.
        messages: How many messages went to the server, ours included.
        queries: The statements, if somebody asked for them.
        clock_readers: Transactions that read the transaction's clock.
        locked: Locks were taken that a rollback may not release.
        is_deaf: A connection to a clone was made that nobody hears the statements of.
    """

    label: str = ""
    signals: list[Signal] = field(default_factory=list)
    statements: int = 0
    messages: int = 0
    queries: list[Query] | None = None
    clock_readers: set[int] = field(default_factory=set)
    locked: bool = False
    is_deaf: bool = False

    def note(self, signal: Signal) -> None:
        """Add a signal unless its reason is known already."""
        if all(known.reason != signal.reason for known in self.signals):
            self.signals.append(signal)

    def has(self, kind: SignalKind) -> bool:
        """Whether a signal of this kind was noticed."""
        return any(signal.kind is kind for signal in self.signals)


class GearChangeError(BaseException):
    """Stops a test that rollback cannot represent; it is run again on a clone.

    Not an ``Exception``: an app's ``except Exception`` must not swallow it.
    """


class IsolationLeakError(AssayError):
    """Something left the sandbox."""


def _place(name: str) -> str:
    """Return where this interpreter has its libraries.

    As ``sysconfig.get_path(name)``, without all that is known of how Python was compiled, which
    takes longer to import than anything of ours.
    """
    known = {
        "installed_base": sys.base_prefix,
        "installed_platbase": sys.base_exec_prefix,
        "base": sys.prefix,
        "platbase": sys.exec_prefix,
        "platlibdir": sys.platlibdir,
        "py_version_short": f"{sys.version_info[0]}.{sys.version_info[1]}",
        "implementation_lower": sys.implementation.name.replace("cpython", "python"),
        "abi_thread": "t" if "t" in sys.abiflags else "",
    }
    try:
        return sysconfig.get_path(name, expand=False).format_map(known)
    except KeyError:  # a scheme of a distribution's own
        return sysconfig.get_path(name)


_LIBRARIES = tuple(
    str(Path(_place(name)).resolve()) for name in ("stdlib", "platstdlib", "purelib")
)
_OURS = str(Path(__file__).resolve().parent.parent)


def call_site() -> str:
    """Return "file:line" of the innermost frame that belongs to no library."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        name = frame.f_code.co_filename
        if not name.startswith((*_LIBRARIES, _OURS, "<")):
            return f"{_short(name)}:{frame.f_lineno}"
        frame = frame.f_back
    return ""


def _short(name: str) -> str:
    here = str(Path.cwd()) + "/"
    return name.removeprefix(here)


def current_thread() -> str:
    """Return the name of this thread."""
    return threading.current_thread().name
