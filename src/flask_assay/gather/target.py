"""Boot the app under Gunicorn on a listener of ours, and know when it failed to."""

import json
import signal
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from flask_assay.errors import TargetError
from flask_assay.gather.inside import gunicorn_conf_path
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.gather.tracebacks import last_error, users_frames
from flask_assay.model.owned import AllowedTarget
from flask_assay.recording.directory import read_lines
from flask_assay.services.supervisor import ManagedProcess, Supervisor
from flask_assay.services.waiting import wait_until

__all__ = ["Target", "boot_target"]

# An app that calls sys.exit at import makes Gunicorn respawn workers for ever.
_MOST_FAILED_WORKERS = 3
_ADVICE = {
    "ended": "`gunicorn` must be able to serve this app; look at its config file and at "
    "GUNICORN_CMD_ARGS, too.",
    "dying": "The app loads, and yet ends its process under Gunicorn: look for sys.exit or "
    "os._exit at import, and for checks of how it was started.",
    "slow": "Look for what the app waits for at import, or raise boot_timeout_s.",
}


@dataclass(frozen=True, slots=True)
class Target:
    """A booted target.

    Attributes:
        process: Gunicorn's master.
        address: Where it listens.
        server: The document ``server.json``: what settings are in force.
        recording: Directory that its probe writes to.
    """

    process: ManagedProcess
    address: AllowedTarget
    server: Mapping[str, object]
    recording: Path

    def stop(self) -> None:
        """Let requests in flight finish, flush the probe, end the process group."""
        self.process.stop(deadline_s=10.0)


def boot_target(
    supervisor: Supervisor,
    name: str,
    plan: TargetPlan,
    environment: Mapping[str, str],
    *,
    timeout_s: float,
) -> Target:
    """Boot Gunicorn and wait until every worker has loaded the app.

    Raises:
        TargetError: If a worker fails to boot, with the app's own traceback.
    """
    recording = Path(plan.recording)
    before = len(read_lines(recording, "events.jsonl"))
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    port = listener.getsockname()[1]
    try:
        listener.set_inheritable(True)
        process = supervisor.start(
            name,
            [
                *(sys.executable, "-m", "gunicorn", "-c", str(gunicorn_conf_path())),
                *("-b", f"fd://{listener.fileno()}", "flask_assay.gather.inside.wsgi:application"),
            ],
            env=dict(environment),
            cwd=Path(plan.directory),
            pass_fds=(listener.fileno(),),
            # without a probe there is nothing to flush, and nobody waits for an answer: a worker
            # that imports the app hears TERM only when it has done so
            end_signal=signal.SIGTERM if plan.probe else signal.SIGQUIT,
        )
    finally:
        # while anyone else holds it, a dead server looks hung instead of refusing
        listener.close()
    _wait_for_workers(process, recording, before, timeout_s)
    server = json.loads((recording / "server.json").read_text(encoding="utf-8"))
    address = AllowedTarget("http", "127.0.0.1", port, "started by this run")
    return Target(process, address, server, recording)


def _wait_for_workers(
    process: ManagedProcess, recording: Path, before: int, timeout_s: float
) -> None:
    def state() -> str:
        events = read_lines(recording, "events.jsonl")[before:]
        ready = sum(1 for event in events if event.get("event") == "worker-ready")
        gone = sum(1 for event in events if event.get("event") == "worker-exit")
        wanted = _worker_count(recording)
        if process.poll() is not None:
            return "ended"
        if ready >= wanted > 0:
            return "ready"
        return "dying" if ready == 0 and gone >= _MOST_FAILED_WORKERS else ""

    try:
        found = wait_until(state, timeout_s=timeout_s, what="the app's workers")
    except TimeoutError:
        found = "slow"
    if found == "ready":
        return
    process.stop(deadline_s=3.0)
    raise _boot_error(found, process, timeout_s)


def _boot_error(found: str, process: ManagedProcess, timeout_s: float) -> TargetError:
    log = process.log_path.read_text(errors="replace")
    said = {
        "ended": "Gunicorn ended while the app booted",
        "dying": f"{_MOST_FAILED_WORKERS} workers ended before one served a request",
        "slow": f"no worker was ready within {timeout_s:g} s (setting boot_timeout_s)",
    }[found]
    cause = last_error(log)
    return TargetError(
        f"the app did not boot under Gunicorn: {said}{': ' if cause else ''}{cause}",
        why=users_frames(log, str(Path.cwd())) or _without_chat(log),
        todo=_ADVICE[found],
    )


def _without_chat(log: str) -> str:
    lines = [line for line in log.splitlines() if "[INFO]" not in line and line.strip()]
    return "\n".join(lines[-12:])


def _worker_count(recording: Path) -> int:
    path = recording / "server.json"
    return int(json.loads(path.read_text())["workers"]) if path.exists() else 0
