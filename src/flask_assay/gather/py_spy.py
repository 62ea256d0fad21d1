"""CPU stacks of a target as py-spy sees them, from outside of its process.

The sampler in process needs the main thread and the profiling timer; an app that has a use of its
own for either is sampled so. The endpoint's frame is on the stack for any sampler (see
``probe.sensors.endpoint_cpu``). Not seen here: the lines of templates, and which endpoint it was
while hooks before and after the view run.

Source: py-spy's "raw" format, one line "outermost (file:line);…;innermost (file:line) count".
"""

import shutil
import signal
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from flask_assay.probe.call_sites import FOREIGN, TEMPLATE, CallSites
from flask_assay.probe.stacks import FRAME_PREFIX, NO_ENDPOINT, package_of
from flask_assay.services.supervisor import ManagedProcess, Supervisor
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["NAME", "NOT_INSTALLED", "PySpy", "find", "spied", "stacks_of"]

NAME = "py-spy"
NOT_INSTALLED = "py-spy is not installed: pip install 'flask-assay[profile]'"
RATE_HZ = 250
_INTERVAL_US = 1_000_000 // RATE_HZ
_START_S = 10.0
_WRITE_S = 20.0
_SAMPLES = "Sampling process"  # what it says once it has read the process
_SERVES = "Flask.wsgi_app"


def find() -> str | None:
    """Return the path of py-spy: beside this interpreter, else on the search path."""
    beside = Path(sys.executable).parent / NAME
    return str(beside) if beside.is_file() else shutil.which(NAME)


@dataclass(slots=True)
class PySpy:
    """What py-spy did.

    Attributes:
        reason: Why there are no stacks; "" while nothing went wrong.
        lines: Of its output, once the block has ended.
    """

    reason: str = ""
    lines: list[str] = field(default_factory=list)

    def document(self, root: Path) -> dict[str, Any]:
        """Return the stacks and their facts, as the sampler in process writes them; {} if none.

        Args:
            root: The user's project.
        """
        stacks, unattributed, outside = stacks_of(self.lines, root)
        samples = sum(stacks.values()) // _INTERVAL_US
        if not samples:
            return {}
        return {
            "sampler": NAME,
            "interval_s": 1 / RATE_HZ,
            "samples": samples,
            "unattributed": unattributed,
            "outside": outside,
            "stacks": stacks,
        }


@contextmanager
def spied(supervisor: Supervisor, pid: int, place: Path) -> Iterator[PySpy]:
    """Sample a process while the block runs; what goes wrong is told and hurts nobody.

    Args:
        supervisor: Starts it.
        pid: Of the process that serves.
        place: Directory for its output.

    Yields:
        What is whole when the block has ended.
    """
    found = PySpy()
    program = find()
    if program is None:
        found.reason = NOT_INSTALLED
        yield found
        return
    output = place / "py-spy.txt"
    argv = [
        program, "record", "--pid", str(pid), "--format", "raw", "--rate", str(RATE_HZ),
        "--full-filenames", "--output", str(output),
    ]  # fmt: skip
    process = supervisor.start(NAME, argv, end_signal=signal.SIGINT)
    try:
        with suppress(WaitTimeoutError):  # it tells at the end that there is nothing
            wait_until(
                lambda: _SAMPLES in process.log_tail() or not process.is_running,
                timeout_s=_START_S,
                what="py-spy samples",
            )
        yield found
        _finish(process, output, found)
    finally:
        process.stop()


def _finish(process: ManagedProcess, output: Path, found: PySpy) -> None:
    process.signal(signal.SIGINT)  # it writes when it is interrupted
    try:
        process.wait(_WRITE_S)
        found.lines = output.read_text(encoding="utf-8", errors="replace").splitlines()
    except (WaitTimeoutError, OSError):
        found.reason = f"py-spy did not sample: {_last_line(process)}"


def _last_line(process: ManagedProcess) -> str:
    lines = [line.strip() for line in process.log_tail().splitlines() if line.strip()]
    refusals = [line for line in lines if "ermission" in line or line.startswith("Error")]
    return (refusals or lines or ["it wrote nothing"])[-1]


def stacks_of(lines: Iterable[str], root: Path) -> tuple[dict[str, int], int, int]:
    """Return "endpoint;outer;…;inner" → µs, samples without an endpoint, samples outside requests.

    Args:
        lines: Of py-spy's raw output; a line that is none is passed over.
        root: The user's project.

    Example:
        >>> line = "EP:shop.list (/x/y.py:1);f (/app/views.py:7) 3"
        >>> stacks_of([line], Path("/app"))
        ({'shop.list;views.py:7 f': 12000}, 0, 0)
    """
    sites = CallSites(root, lambda text: 0)
    found: Counter[str] = Counter()
    unattributed = outside = 0
    for line in lines:
        text, _, count = line.rpartition(" ")
        if not text or not count.isdigit():
            continue
        frames = text.split(";")
        at = next((n for n, frame in enumerate(frames) if frame.startswith(FRAME_PREFIX)), None)
        if at is not None:
            endpoint = _split(frames[at])[0].removeprefix(FRAME_PREFIX)
            frames = frames[at + 1 :]
        elif any(frame.startswith(_SERVES) for frame in frames):
            endpoint = NO_ENDPOINT
            unattributed += int(count)
        else:
            outside += int(count)
            continue
        names = filter(None, (_name(frame, sites) for frame in frames))
        found[";".join((endpoint, *names))] += int(count) * _INTERVAL_US
    return dict(found), unattributed, outside


def _split(frame: str) -> tuple[str, str]:
    """Return function and place of "function (file:line)"."""
    function, found, place = frame.rpartition(" (")
    return (function, place.removesuffix(")")) if found else (frame, "")


def _name(frame: str, sites: CallSites) -> str:
    """Return a frame as the probe spells it; "" for the probe's own."""
    function, place = _split(frame)
    file, _, line = place.rpartition(":")
    if not line.isdigit():
        file, line = place, "0"
    package = package_of(file)
    if package == "flask_assay":
        return ""
    function = function.rpartition("<locals>.")[2]
    kind = sites.kind(file)
    if kind == TEMPLATE:
        return f"jinja2:{sites.relative(file)}"  # its line is that of the compiled code
    if kind == FOREIGN:
        return f"{package}:{function}"
    return f"{sites.relative(file)}:{line} {function}"
