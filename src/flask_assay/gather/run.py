"""One gather run: the order of events, from empty directory to complete recording."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

import flask_assay
from flask_assay.config.resolve import Settings
from flask_assay.errors import InterruptedRunError, LoadError
from flask_assay.gather.catalog import Catalog, Query
from flask_assay.gather.environment import describe_environment
from flask_assay.gather.lab import Lab
from flask_assay.gather.load_plan import plan_load
from flask_assay.gather.plans import explain, private_statements
from flask_assay.gather.sampler import Sampler
from flask_assay.gather.target import Target
from flask_assay.load.control import LoadProcess, LoadProgress
from flask_assay.model.clock import Clock, SystemClock
from flask_assay.probe.plan import ProbePlan
from flask_assay.recording.directory import (
    EVENTS,
    MANIFEST,
    SCHEMA_VERSION,
    append_line,
    write_document,
)
from flask_assay.services.postgres import provision_postgres
from flask_assay.services.reaper import reap
from flask_assay.services.run_dir import RunDirectory, default_base
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey
from flask_assay.services.waiting import wait_until

__all__ = ["Progress", "Run", "gather", "open_lab"]


class Progress(Protocol):
    """Who is told how far a run is."""

    def step(self, text: str) -> None:
        """A new step begins."""
        ...

    def load(self, progress: LoadProgress) -> None:
        """The load is under way; called a few times a second."""
        ...

    @property
    def is_interrupted(self) -> bool:
        """Whether the user asked to stop."""
        ...


@dataclass(frozen=True, slots=True)
class Run:
    """What a gather run leaves behind for experiments, besides the recording.

    Attributes:
        lab: Servers and databases, still up.
        recording: The recording's directory.
        is_partial: Whether the user stopped it.
    """

    lab: Lab
    recording: Path
    is_partial: bool


@contextmanager
def open_lab(app: str, settings: Settings, progress: Progress) -> Iterator[Lab]:
    """Provide the servers of a run; everything ends with the block."""
    base = default_base()
    reap(base)
    run = RunDirectory.create(base)
    recording = _new_recording(settings, run.run_id)
    _write_manifest(recording, app, run.run_id, "running", "")
    try:
        with Supervisor(run) as supervisor:
            progress.step("start PostgreSQL and Valkey")
            postgres = provision_postgres(supervisor, purpose="measured")
            valkey = provision_valkey(supervisor)
            yield Lab(app, settings, run, supervisor, postgres, valkey, recording)
    finally:
        run.close()


def gather(lab: Lab, progress: Progress, clock: Clock | None = None) -> Run:
    """Prepare the app's database, boot it, drive it, and write the recording.

    Args:
        lab: Servers without databases yet.
        progress: Who is told how far it is.
        clock: Source of time.

    Raises:
        TargetError: If the app can not be loaded, prepared or booted.
        LoadError: If the load can not be produced, or every request fails.
    """
    clock = clock or SystemClock()
    lab.create_databases()
    progress.step("start what the app calls")
    lab.start_stubs()
    progress.step("load the app, make the schema, fill the database")
    lab.prepare()
    catalog = _catalog(lab)
    for each in _databases(lab):
        lab.postgres.sql(each, "VACUUM (FREEZE, ANALYZE)")
    progress.step("boot the app under Gunicorn")
    target = lab.boot(lab.plan(lab.route(), lab.recording, probe=_probe(lab)))
    try:
        catalog.start_counting()
        was_stopped = _drive(lab, target, catalog, progress, clock)
    finally:
        target.stop()
    progress.step("ask PostgreSQL what it saw")
    _write_documents(lab, catalog)
    status = "partial" if was_stopped else "complete"
    reason = "interrupted by the user" if was_stopped else ""
    _write_manifest(lab.recording, lab.app, lab.run.run_id, status, reason)
    return Run(lab, lab.recording, was_stopped)


def _drive(lab: Lab, target: Target, catalog: Catalog, progress: Progress, clock: Clock) -> bool:
    """Put load on the target and watch; return whether the user stopped it."""
    plan = plan_load(lab, target, _ask(lab), catalog.tables()["tables"])
    lab.load_plan = plan
    progress.step(f"load: {plan.users} users for {plan.warm_up_s + plan.steady_s:g} s")
    load = LoadProcess.start(plan, lab.supervisor)
    sampler = Sampler(lab.recording, _groups(lab, target, load), clock)

    def is_over() -> bool:
        progress.load(load.progress())
        if sampler.is_due():
            sampler.sample(catalog.live())
            _check(target, load)
        return load.is_over() or progress.is_interrupted

    longest = plan.warm_up_s + plan.steady_s + plan.drain_s + 60.0
    wait_until(is_over, timeout_s=longest, what="the end of the load")
    was_stopped = progress.is_interrupted and not load.is_over()
    if was_stopped:
        load.stop()
    load.wait(timeout_s=plan.drain_s + 15.0)
    if load.failure():
        raise LoadError(f"the load failed: {load.failure()}", why=load.log_tail())
    return was_stopped


def _groups(lab: Lab, target: Target, load: LoadProcess) -> dict[str, int]:
    """Return the parts whose CPU and memory are sampled, by their first process."""
    servers = {"postgres": lab.postgres.process, "valkey": lab.valkey.process}
    pids = {name: process.pid for name, process in servers.items() if process is not None}
    return {"target": target.process.pid, **pids, "load": load.pid}


def _check(target: Target, load: LoadProcess) -> None:
    code = target.process.poll()
    if code is not None:
        load.stop()
        raise LoadError(
            f"the app's server ended with code {code} during the load",
            why=target.process.log_path.read_text(errors="replace")[-2000:],
            todo="See its last lines above.",
        )


def _databases(lab: Lab) -> tuple[Any, ...]:
    assert lab.databases is not None
    return lab.databases.all()


def _ask(lab: Lab) -> Query:
    databases = _databases(lab)
    return lambda sql: lab.postgres.sql(databases[0], sql)


def _catalog(lab: Lab) -> Catalog:
    databases = _databases(lab)
    return Catalog(
        _ask(lab),
        lambda sql: lab.postgres.sql(None, sql),
        [each.name for each in databases],
    )


def _probe(lab: Lab) -> str:
    plan = ProbePlan(
        recording_dir=lab.recording,
        project_root=Path.cwd(),
        private_dir=lab.run.private,
        digests=True,
        salt=lab.run.nonce,
    )
    return plan.to_json()


def _write_documents(lab: Lab, catalog: Catalog) -> None:
    write_document(lab.recording, "statements", catalog.statements())
    write_document(lab.recording, "tables", catalog.tables())
    servers = {
        "postgres": {"version": lab.postgres.version, "settings": lab.postgres.settings()},
        "valkey": {"version": lab.valkey.version},
    }
    write_document(lab.recording, "environment", describe_environment() | servers)
    plans = explain(_ask(lab), private_statements(lab.run.private))
    write_document(lab.recording, "plans", plans)
    effective = [
        {"name": name, "value": value, "origin": lab.settings.origins[name]}
        for name, value in lab.settings.values.items()
        if name != "env"  # may hold secrets
    ]
    write_document(lab.recording, "settings", {"settings": effective})


def _new_recording(settings: Settings, run_id: str) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    path = Path.cwd() / settings.text("output") / f"{stamp}-{run_id}"
    path.mkdir(parents=True)
    ignore = path.parent / ".gitignore"
    if not ignore.exists():
        ignore.write_text("*\n", encoding="utf-8")
    return path


def _write_manifest(recording: Path, app: str, run_id: str, status: str, reason: str) -> None:
    append_line(recording, EVENTS, {"event": "status", "status": status})
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "kind": "run",
        "app": app,
        "started_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "status": status,
        "status_reason": reason,
        "flask_assay": flask_assay.__version__,
    }
    write_document(recording, MANIFEST, manifest)


def check_interrupted(progress: Progress) -> None:
    """Stop between two steps if the user asked to.

    Raises:
        InterruptedRunError: If so.
    """
    if progress.is_interrupted:
        raise InterruptedRunError("interrupted")
