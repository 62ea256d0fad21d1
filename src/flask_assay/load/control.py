"""Starts the load worker, watches it and stops it; holds no Locust."""

import os
import signal
import sys
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from flask_assay.errors import AssayError, LoadError, MissingExtraError, UsageError
from flask_assay.load.lint import require_usable
from flask_assay.load.plan import LoadPlan
from flask_assay.load.status import LoadProgress, WorkerError, read_status
from flask_assay.services.waiting import WaitTimeoutError

__all__ = ["LoadProcess", "LoadProgress", "ManagedProcess", "ProcessStarter", "require_locust"]

TRACERS = ("COVERAGE_PROCESS_CONFIG", "COVERAGE_PROCESS_START")
WORKER = ("-P", "-m", "flask_assay.load.worker")


class ManagedProcess(Protocol):
    """A process that a supervisor looks after."""

    @property
    def pid(self) -> int:
        """Its process id."""
        ...

    @property
    def log_path(self) -> Path:
        """Where its output goes."""
        ...

    def poll(self) -> int | None:
        """Return its exit code, None while it lives."""
        ...

    def wait(self, timeout_s: float) -> int:
        """Wait for its end and return its exit code."""
        ...

    def signal(self, number: int) -> None:
        """Send it a signal."""
        ...


class ProcessStarter(Protocol):
    """What starts processes and sees to it that none outlives this one."""

    def start(
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
    ) -> Any:
        """Start a process and return it."""
        ...


class LoadProcess:
    """The load worker of one plan, from the parent's side.

    Args:
        plan: What it was told.
        process: The process itself.
    """

    def __init__(self, plan: LoadPlan, process: ManagedProcess) -> None:
        self.plan = plan
        self._process = process
        self._stopped = False

    @classmethod
    def start(cls, plan: LoadPlan, supervisor: ProcessStarter) -> "LoadProcess":
        """Hand the plan to a new worker.

        Args:
            plan: Its directories must exist; plan and status go to ``work_dir``.
            supervisor: Starts the process and owns it.

        Raises:
            MissingExtraError: If Locust is not installed.
            UsageError: If the locustfile can be seen not to work.
        """
        require_locust()
        if plan.locustfile is not None:
            require_usable(plan.locustfile)
        plan.status_path.unlink(missing_ok=True)
        plan.plan_path.write_text(plan.to_json(), encoding="utf-8")
        # A tracer in the generator would be measured as latency of the app.
        env = {key: value for key, value in os.environ.items() if key not in TRACERS}
        argv = [sys.executable, *WORKER, str(plan.plan_path.absolute())]
        return cls(plan, supervisor.start("load", argv, env=env, cwd=plan.project_root))

    def progress(self) -> LoadProgress:
        """Return what the worker last said of itself."""
        return read_status(self.plan.status_path) or LoadProgress()

    @property
    def pid(self) -> int:
        """Process id of the worker, which also names its rows file."""
        return self._process.pid

    def poll(self) -> int | None:
        """Return the worker's exit code, None while it works."""
        return self._process.poll()

    def is_over(self) -> bool:
        """Whether the worker has ended."""
        return self._process.poll() is not None

    def is_ready(self) -> bool:
        """Whether a worker that waits could begin, or will never."""
        return self.plan.ready_path.exists() or self.is_over()

    def go(self) -> None:
        """Let a worker that waits begin."""
        self.plan.go_path.touch()

    def failure(self) -> str:
        """Return why the worker ended badly; empty if it did not, or has not ended."""
        error = self.progress().error
        if error is not None:
            return error.what
        code = self._process.poll()
        if not code or self._stopped:
            return ""
        return f"the load worker ended with exit code {code} in phase {self.progress().phase!r}"

    def log_tail(self, line_count: int = 12) -> str:
        """Return the last lines of the worker's log."""
        try:
            text = self._process.log_path.read_text(encoding="utf-8", errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-line_count:])

    def stop(self) -> None:
        """Ask for the drain: users finish what they do, every request is recorded.

        The second call breaks off requests under way; they are recorded as such.
        """
        self._stopped = True
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        """End the worker at once; what it wrote until now stays readable."""
        self._stopped = True
        self._send(signal.SIGKILL)

    def wait(self, *, timeout_s: float | None = None) -> LoadProgress:
        """Wait until the worker has ended and return its last word.

        Args:
            timeout_s: Seconds to wait; by default as long as the plan takes and a minute.

        Raises:
            UsageError: If the locustfile or an option is at fault.
            LoadError: If the load could not be made, or the worker did not end in time.
        """
        plan = self.plan
        limit = timeout_s or plan.longest_s + 60
        try:
            code = self._process.wait(limit)
        except WaitTimeoutError as error:
            raise LoadError(f"the load worker was still running after {limit:.0f} s") from error
        last = self.progress()
        if last.error is not None:
            raise _as_error(last.error)
        if code and not self._stopped:
            raise LoadError(self.failure(), why=f"The end of its log:\n{self.log_tail()}")
        return last

    def _send(self, number: signal.Signals) -> None:
        if self._process.poll() is None:
            self._process.signal(number)


def require_locust() -> None:
    """See that Locust is there, without importing it.

    Raises:
        MissingExtraError: If it is not installed.
    """
    if find_spec("locust") is None:
        raise MissingExtraError("locust", extra="run", purpose="put load on the app")


def _as_error(error: WorkerError) -> AssayError:
    kind = UsageError if error.kind == "usage" else LoadError
    return kind(error.what, why=error.why, todo=error.todo)
