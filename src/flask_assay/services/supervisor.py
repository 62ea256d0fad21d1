"""Start processes so that none outlives its run, and stop them to the last descendant."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import flask_assay
from flask_assay.errors import ServiceError
from flask_assay.services import fork_guard
from flask_assay.services.extinction import extinguish, send
from flask_assay.services.launcher import NOT_EXECUTABLE, LaunchOrder
from flask_assay.services.layout import Layout
from flask_assay.services.privileges import service_user
from flask_assay.services.processes import RUN_VARIABLE, family, table
from flask_assay.services.reaper import reap
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.waiting import FIRST_PAUSE_S, WaitTimeoutError, wait_until
from flask_assay.services.watchdog import DISMISSED, Watch

__all__ = ["ManagedProcess", "Supervisor"]

STOP_S = 5.0
KILL_S = 2.0
LOOK_EVERY_S = 0.004

_BOOT = "import sys; sys.path.append(sys.argv[1]); from {module} import main; main()"
_PACKAGE_ROOT = Path(flask_assay.__file__).parent.parent


def _own_python(module: str, order: str) -> list[str]:
    """Return the command for one of our modules in a bare interpreter.

    Isolated and without ``site``: no variable, start-up file or package of the user's has a
    part in it. Our package's place comes last, so it cannot shadow the standard library.
    """
    code = _BOOT.format(module=module)
    return [sys.executable, "-I", "-S", "-c", code, str(_PACKAGE_ROOT), order]


class ManagedProcess:
    """One supervised process and everything that it starts.

    Attributes:
        name: Name within the run.
        pid: Process id, and the id of its group.
        log_path: Where its standard output and error go.
    """

    def __init__(
        self, name: str, popen: subprocess.Popen[bytes], log_path: Path, end_signal: int
    ) -> None:
        self.name, self.pid, self.log_path = name, popen.pid, log_path
        self._popen, self._end_signal = popen, end_signal
        self._code: int | None = None
        self._owner = os.getpid()

    def poll(self) -> int | None:
        """Return the exit code (negative: the signal that ended it), None while it runs.

        It is left a zombie until ``stop``: so long its id, which names its group, is given to
        nobody else.
        """
        if self._code is None and self._popen.returncode is None:
            self._code = self._look()
        return self._code

    def _look(self) -> int | None:
        try:
            result = os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            return 0  # the process ignores SIGCHLD, so the system reaped it without a word
        if result is None:
            return None
        return result.si_status if result.si_code == os.CLD_EXITED else -result.si_status

    @property
    def is_running(self) -> bool:
        """Whether the process itself, not merely a child of it, is alive."""
        return self.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Return the exit code once it has ended.

        Raises:
            WaitTimeoutError: If it still runs after ``timeout_s`` seconds.
        """
        wait_until(lambda: not self.is_running, timeout_s=timeout_s, what=f"{self.name} ends")
        code = self.poll()
        assert code is not None
        return code

    def signal(self, number: int) -> None:
        """Signal the process itself; nothing if it has ended."""
        if self.is_running:
            send([self.pid], number)

    def members(self) -> set[int]:
        """Return the live pids of the process, its group and all descendants."""
        return self._left(set())

    def _left(self, known: set[int]) -> set[int]:
        if self._popen.returncode is not None:
            return set()
        rows = table()
        group = {row.pid for row in rows.values() if row.group == self.pid}
        return family(rows, group) | (known & rows.keys())

    def freeze(self) -> None:
        """Stop all members where they stand, as a hang would."""
        send(self.members(), signal.SIGSTOP)

    def thaw(self) -> None:
        """Let all members continue."""
        send(self.members(), signal.SIGCONT)

    def stop(self, deadline_s: float = STOP_S, *, number: int | None = None) -> None:
        """End the process, its group and its descendants. Idempotent.

        Args:
            deadline_s: Seconds for the orderly way; then KILL.
            number: The polite signal; by default the one that it was started with.

        Raises:
            ServiceError: If something of it resists KILL.
        """
        if self._popen.returncode is not None or os.getpid() != self._owner:
            return
        known = self.members()
        send(known, signal.SIGCONT)
        self.signal(self._end_signal if number is None else number)
        with contextlib.suppress(WaitTimeoutError):
            # The table of all processes is dear: nobody is asked for while the process itself runs.
            wait_until(
                lambda: not self.is_running and not self._left(known),
                timeout_s=deadline_s,
                what=f"{self.name} ends",
                longest_pause_s=LOOK_EVERY_S,
            )
            self._popen.wait()
            return
        self._kill(known)

    def kill(self) -> None:
        """End all members at once, as the out-of-memory killer would. Idempotent.

        Raises:
            ServiceError: If something of it resists KILL.
        """
        if self._popen.returncode is None and os.getpid() == self._owner:
            self._kill(self.members())

    def _kill(self, known: set[int]) -> None:
        self.end_others(lambda: self._left(known))
        self.poll()
        self._popen.wait()

    def end_others(self, find: Callable[[], set[int]]) -> None:
        """Kill processes until none is found.

        Args:
            find: Returns the live pids that must go. It answers for them.

        Raises:
            ServiceError: If one resists KILL.
        """

        def is_gone() -> bool:
            found = find()
            send(found, signal.SIGKILL)
            return not found

        try:
            wait_until(is_gone, timeout_s=KILL_S, what=f"{self.name} dies")
        except WaitTimeoutError as error:
            raise ServiceError(
                f"{self.name} (pid {self.pid}) does not end",
                why="It was killed and is still there: the kernel holds it, usually in a disk "
                "or network call.",
                todo="It ends when that call returns; nothing else is left of the run.",
            ) from error

    def last_words(self) -> str:
        """Return why it ended, as far as its exit code and its log tell."""
        refused = (
            "The system refused to execute it. The usual causes: the file system is mounted "
            '"noexec", the wheel is for another processor, or the system has musl instead of '
            "glibc (at least 2.28)."
        )
        parts = [refused] if self.poll() == NOT_EXECUTABLE else []
        return "\n".join([*parts, self.log_tail()]).strip() or "It wrote nothing into its log."

    def log_tail(self, line_count: int = 20) -> str:
        """Return the last lines of the log."""
        try:
            text = self.log_path.read_text(errors="replace")
        except OSError:
            return ""
        return "\n".join(text.splitlines()[-line_count:])


class Supervisor:
    """Starts processes for a run and answers for their end.

    Leaving the ``with`` block stops them, last started first. If the owner dies before that,
    the watchdog does it. The first start also reaps what dead runs left.
    """

    def __init__(self, run: RunDirectory) -> None:
        self.run = run
        self._processes: list[ManagedProcess] = []
        self._watchdog: subprocess.Popen[bytes] | None = None
        self._pipe = -1
        self._has_reaped = False
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    @property
    def processes(self) -> tuple[ManagedProcess, ...]:
        """What was started, in order."""
        return tuple(self._processes)

    def start(  # noqa: PLR0913 - what a process is started with has this many sides
        self,
        name: str,
        argv: Sequence[str],
        *,
        env: Mapping[str, str] | None = None,
        cwd: Path | None = None,
        pass_fds: Sequence[int] = (),
        drop_root: bool = False,
        end_signal: int = signal.SIGTERM,
        layout: Layout | None = None,
    ) -> ManagedProcess:
        """Start a process in its own group, under the watchdog.

        Args:
            name: Within the run; also its log file's name.
            argv: Program and arguments.
            env: Its whole environment (the run's mark is added); by default ours.
            cwd: Its working directory; by default ours.
            pass_fds: Descriptors that stay open in it. Close your copies afterwards.
            drop_root: As root, run it as the servers' user.
            end_signal: What makes it end orderly and at once.
            layout: A directory that it makes first.

        Raises:
            ServiceError: If the run is closed, or in a forked child of the owner.
        """
        if not self.run.is_open:
            raise ServiceError(
                f"{name} cannot be started: run {self.run.run_id} is not ours, or closed",
                why="Only the process that opened a run may start servers in it.",
                todo="Start them before forking, or open a run of this process's own.",
            )
        if not self._has_reaped:
            self._has_reaped = True
            reap(self.run.path.parent.parent)
        self._ensure_watchdog()
        user = service_user() if drop_root else None
        order = LaunchOrder(
            name=name,
            argv=list(argv),
            registry=str(self.run.processes),
            parent=os.getpid(),
            end_signal=int(end_signal),
            is_tied=threading.get_native_id() == os.getpid(),
            uid=user.uid if user else None,
            gid=user.gid if user else None,
            layout=layout,
        )
        log_path = self.run.logs / f"{name}.log"
        with log_path.open("ab") as log:
            popen = subprocess.Popen(
                _own_python("flask_assay.services.launcher", order.to_json()),
                env={**(os.environ if env is None else env), RUN_VARIABLE: self.run.run_id},
                cwd=cwd,
                pass_fds=tuple(pass_fds),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                process_group=0,
            )
        process = ManagedProcess(name, popen, log_path, end_signal)
        self._processes.append(process)
        return process

    def stop_all(self, deadline_s: float = STOP_S) -> None:
        """Stop every process, last started first, each within the deadline. Idempotent."""
        if os.getpid() != self.run.owner.pid:
            return
        while self._processes:
            self._processes[-1].stop(deadline_s)
            self._processes.pop()

    def close(self) -> None:
        """Stop everything and dismiss the watchdog. Idempotent; nothing in a forked child."""
        if os.getpid() != self.run.owner.pid:
            return
        self.stop_all()
        if self._watchdog is None:
            return
        # What escaped its group and its parent still carries the run's mark.
        extinguish(self.run.path, self.run.run_id)
        with contextlib.suppress(OSError):
            os.write(self._pipe, DISMISSED)
        fork_guard.release(self._pipe)
        watchdog, self._watchdog = self._watchdog, None
        wait_until(
            lambda: watchdog.poll() is not None,
            timeout_s=STOP_S,
            what="the watchdog ends",
            longest_pause_s=FIRST_PAUSE_S,
        )

    def _ensure_watchdog(self) -> None:
        """Start the watchdog, or another where somebody killed it."""
        with self._lock:
            if self._watchdog is not None and self._watchdog.poll() is None:
                return
            fork_guard.release(self._pipe)
            reading, self._pipe = os.pipe()
            fork_guard.keep_from_children(self._pipe)
            watch = Watch(
                run=str(self.run.path),
                run_id=self.run.run_id,
                sockets=str(self.run.sockets),
                owner=self.run.owner,
                pipe=reading,
            )
            self._watchdog = subprocess.Popen(
                _own_python("flask_assay.services.watchdog", watch.to_json()),
                cwd="/",
                env={},
                pass_fds=(reading,),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            os.close(reading)
