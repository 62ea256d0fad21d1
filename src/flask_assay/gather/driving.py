"""Put the load on the target, watch both, and stop where going on would measure nothing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from flask_assay.errors import AssayError, InterruptedRunError, LoadError
from flask_assay.gather.lab import Lab
from flask_assay.gather.opening import has_begun
from flask_assay.gather.progress import Progress
from flask_assay.gather.sampler import Sampler
from flask_assay.gather.target import Target
from flask_assay.gather.tracebacks import users_frames
from flask_assay.load.control import LoadProcess, LoadProgress
from flask_assay.load.plan import LoadPlan
from flask_assay.model.clock import Clock
from flask_assay.recording.directory import EVENTS, append_line, read_lines
from flask_assay.services.waiting import wait_until

__all__ = ["LEAST_FREE_BYTES", "drive"]

LEAST_FREE_BYTES = 100_000_000
"""With less than this the load is stopped: a full disk makes PostgreSQL panic."""

_Live = Callable[[], Mapping[str, int]]


@dataclass(slots=True)
class _Watch:
    """What is looked at while the load runs."""

    lab: Lab
    target: Target
    load: LoadProcess
    progress: Progress
    sampler: Sampler
    live: _Live

    def is_over(self) -> bool:
        """Look once; whether the load ended or must end.

        Raises:
            LoadError: If going on would measure nothing, or do harm.
        """
        said = self.load.progress()
        self.progress.load(said)
        if self.progress.is_interrupted or self.load.is_over():
            return True
        if said.all_failing:
            raise every_request_failed(said, self.target)
        if self.sampler.is_due():
            self._require_server()
            self._require_room()
            self.sampler.sample(self.live())
        return False

    def _require_server(self) -> None:
        code = self.target.process.poll()
        if code is not None:
            log = self.target.process.log_path.read_text(errors="replace")
            raise LoadError(
                f"the app's server ended with code {code} during the load",
                why=users_frames(log, str(Path.cwd())) or log[-2000:],
                todo="Its last lines are above. Without it no request can be answered.",
            )

    def _require_room(self) -> None:
        for place in {self.lab.recording, self.lab.run.path}:
            free = self.lab.free_space(place)
            if free < LEAST_FREE_BYTES:
                raise LoadError(
                    f"the disk is nearly full: {free / 1e6:.0f} MB left at {place.parent}",
                    why="A full disk makes PostgreSQL panic, and the app would see only lost "
                    "connections. The load was stopped before that.",
                    todo="Free some space, or choose disks with room by --output and "
                    "XDG_CACHE_HOME.",
                )


def drive(
    lab: Lab,
    target: Target,
    plan: LoadPlan,
    live: _Live,
    *,
    progress: Progress,
    clock: Clock,
) -> bool:
    """Put load on the target and watch; return whether the user stopped it.

    Args:
        lab: Servers and directories.
        target: Booted.
        plan: The load.
        live: Returns counts of the app's connections.
        progress: Who is told how far it is.
        clock: Source of time.

    Raises:
        LoadError: If the load can not be made, every request fails, or the disk is nearly full.
        InterruptedRunError: If the user stopped it before it began.
    """
    progress.step(f"load: {plan.users} users for {plan.warm_up_s + plan.steady_s:g} s")
    load = LoadProcess.start(plan, lab.supervisor)
    sampler = Sampler(lab.recording, _groups(lab, target, load), clock)
    watch = _Watch(lab, target, load, progress, sampler, live)
    try:
        wait_until(watch.is_over, timeout_s=plan.longest_s + 60.0, what="the end of the load")
        was_stopped = progress.is_interrupted and not load.is_over()
    except AssayError:
        _stop(load, plan)
        raise
    if was_stopped:
        load.stop()
    last = load.wait(timeout_s=plan.drain_s + 15.0)
    _note_lost_workers(lab.recording, target)
    if was_stopped and not has_begun(lab.recording):
        raise InterruptedRunError("interrupted")
    if 0 < last.requests == last.failures and not was_stopped:
        raise every_request_failed(last, target)
    return was_stopped


def _stop(load: LoadProcess, plan: LoadPlan) -> None:
    """Let the load drain, so that what was recorded is whole."""
    load.stop()
    try:
        load.wait(timeout_s=plan.drain_s + 5.0)
    except AssayError:
        load.kill()


def every_request_failed(said: LoadProgress, target: Target) -> LoadError:
    """Return the error for a load that got no answer worth measuring."""
    groups = [f"  {each.count} × {each.name}: {each.message}" for each in said.top_failures]
    groups += [f"  {each.count} × {each.name}: {each.message}" for each in said.task_errors]
    log = target.process.log_path.read_text(errors="replace")
    words = users_frames(log[-20_000:], str(Path.cwd())) or _servers_last_word(log)
    return LoadError(
        f"every request failed: {said.failures} of {said.requests}",
        why="\n".join([*groups, *(["", "The app said:", words] if words else [])]),
        todo=_advice(said),
    )


def _advice(said: LoadProgress) -> str:
    text = " ".join(each.message for each in said.top_failures)
    if "401" in text or "403" in text:
        return (
            "The requests are not signed in: give a `login` hook for derived requests, or sign in "
            "in on_start of the locustfile."
        )
    if "404" in text:
        return (
            "The paths do not exist in the app, or the rows that they name do not exist in the "
            "database: look at the locustfile, and at the `seed` hook. Where a middleware serves "
            "the app under a prefix, its rules do not tell: write a locustfile."
        )
    return "Mend what the app says above; a run measures requests that succeed."


def _servers_last_word(log: str) -> str:
    """Return the message of Gunicorn's last line about an error; "" if there is none."""
    said = [line for line in log.splitlines() if "[ERROR]" in line or "[CRITICAL]" in line]
    return said[-1].rpartition("] ")[2] if said else ""


def _note_lost_workers(recording: Path, target: Target) -> None:
    """Put it into the recording if worker processes were replaced during the load."""
    ready = sum(line.get("event") == "worker-ready" for line in read_lines(recording, EVENTS))
    replaced = ready - int(str(target.server.get("workers", ready)))
    if replaced <= 0:
        return
    said = _servers_last_word(target.process.log_path.read_text(errors="replace"))
    last = f"; its log says: {said.rstrip('.')}" if said else ""
    text = (
        f"{replaced} of the app's worker processes ended during the load and were replaced "
        f"(max_requests, a timeout or a crash){last}. What they were doing in a crash is lost."
    )
    append_line(recording, EVENTS, {"event": "incident", "kind": "workers-replaced", "text": text})


def _groups(lab: Lab, target: Target, load: LoadProcess) -> dict[str, int]:
    """Return the parts whose CPU and memory are sampled, by their first process."""
    servers = {"postgres": lab.postgres, "valkey": lab.valkey}
    processes = {name: getattr(server, "process", None) for name, server in servers.items()}
    pids = {name: process.pid for name, process in processes.items() if process is not None}
    return {"target": target.process.pid, **pids, "load": load.pid}
