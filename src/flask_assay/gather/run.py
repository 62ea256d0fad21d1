"""One gather run: the order of events, from empty directory to complete recording."""

import functools
import shlex
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_assay.gather.allotment import leave_out, time_is_short
from flask_assay.gather.catalog import Catalog, Query
from flask_assay.gather.containers import growing_containers
from flask_assay.gather.driving import drive
from flask_assay.gather.environment import describe_environment
from flask_assay.gather.growth import measure_growth, start_seeding
from flask_assay.gather.lab import Lab
from flask_assay.gather.learning import learn
from flask_assay.gather.load_plan import plan_load
from flask_assay.gather.opening import open_lab, write_status
from flask_assay.gather.plans import explain, private_statements
from flask_assay.gather.progress import Progress
from flask_assay.gather.target import Target
from flask_assay.gather.ties import count_ties
from flask_assay.load.plan import LoadPlan
from flask_assay.model.clock import Clock, SystemClock
from flask_assay.probe.plan import ProbePlan
from flask_assay.recording.directory import EVENTS, append_line, write_document

__all__ = ["Progress", "Run", "gather", "open_lab"]

_NOT_QUICK = "caches of several lifetimes, and remedies that need a server of their own"
_LEAST_FOR_LEARNING_S, _LEAST_FOR_GROWTH_S = 25.0, 60.0


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
    if lab.settings.flag("experiments"):
        lab.keep_initial()
    progress.step("boot the app under Gunicorn")
    target = lab.boot(lab.plan(lab.route(), lab.recording, probe=_probe(lab)))
    _tell_of_server(target, progress)
    with progress.held():
        try:
            catalog.start_counting()
            plan = _plan(lab, target, catalog)
            was_stopped = drive(lab, target, plan, catalog.live, progress=progress, clock=clock)
        finally:
            target.stop()
        progress.step("ask PostgreSQL what it saw")
        _write_documents(lab, catalog)
        if not was_stopped:
            _study(lab, progress, clock)
        status = "partial" if was_stopped else "complete"
        reason = "interrupted by the user" if was_stopped else ""
        write_status(lab.recording, lab.app, lab.run.run_id, status, reason, _load(plan))
    return Run(lab, lab.recording, was_stopped)


def _study(lab: Lab, progress: Progress, clock: Clock) -> None:
    """Send some of the load's requests again, for what no timed pass can carry."""
    wants_learning, wants_growth = (lab.settings.flag(name) for name in ("learning", "growth"))
    if wants_learning and time_is_short(lab, _LEAST_FOR_LEARNING_S):
        wants_learning = False
        leave_out(lab, "what is read of what is loaded, and where CPU goes")
    if lab.settings.origins["growth"] == "quick":
        leave_out(lab, f"how routes grow with the data, {_NOT_QUICK}")
    if wants_growth and time_is_short(lab, _LEAST_FOR_GROWTH_S):
        wants_growth = False
        leave_out(lab, "how routes grow with the data")
    # no time is taken here, so both may go on at once
    with ThreadPoolExecutor(max_workers=1) as beside:
        growth = None
        if wants_growth and (seedings := start_seeding(lab)):
            progress.step("count what routes do on smaller data")
            growth = beside.submit(measure_growth, lab, seedings, clock)
        if wants_learning:
            progress.step("learn what is read, and where CPU goes")
            learn(lab, clock, progress.step)
        if growth is not None:
            growth.result()


def _plan(lab: Lab, target: Target, catalog: Catalog) -> LoadPlan:
    lab.load_plan = plan_load(lab, target, _asks(lab), catalog.tables()["tables"])
    return lab.load_plan


def _load(plan: LoadPlan) -> dict[str, object]:
    return {
        "users": plan.users,
        "model": plan.model,
        "rate_per_s": plan.rate,
        "source": plan.locustfile.name if plan.locustfile else "derived from the routes",
        "seed": plan.seed,
    }


def _command(lab: Lab) -> str:
    """Return the command line that repeats the run."""
    options = [
        f"{origin} {shlex.quote(str(lab.settings.values[name]))}"
        for name, origin in lab.settings.origins.items()
        if origin.startswith("--") and not isinstance(lab.settings.values[name], bool | list)
    ]
    app = f"--app {shlex.quote(lab.app)} " if lab.app else ""
    return " ".join([f"flask {app}assay run", *options])


def _tell_of_server(target: Target, progress: Progress) -> None:
    """Say what of the server's settings the user may not expect."""
    given = target.server.get("cmd_args")
    if given:
        progress.note(f"GUNICORN_CMD_ARGS is in force: {given}")
    unknown = target.server.get("unknown_settings")
    for text in unknown if isinstance(unknown, list) else ():
        progress.note(str(text))


def _databases(lab: Lab) -> tuple[Any, ...]:
    assert lab.databases is not None
    return lab.databases.all()


def _asks(lab: Lab) -> dict[str, Query]:
    """Return, per database of the app, how to ask it with our own role."""
    return {each.name: functools.partial(lab.postgres.sql, each) for each in _databases(lab)}


def _catalog(lab: Lab) -> Catalog:
    return Catalog(_asks(lab), functools.partial(lab.postgres.sql, None), lab.role)


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
    if catalog.uncounted_reason:
        text = f"PostgreSQL did not count the statements: {catalog.uncounted_reason}"
        incident = {"event": "incident", "kind": "statements-uncounted", "text": text}
        append_line(lab.recording, EVENTS, incident)
    else:
        write_document(lab.recording, "statements", catalog.statements())
    write_document(lab.recording, "tables", catalog.tables())
    further = {
        "command": _command(lab),
        "postgres": {"version": lab.postgres.version, "settings": lab.postgres.settings()},
        "valkey": {"version": lab.valkey.version},
    }
    write_document(lab.recording, "environment", describe_environment() | further)
    statements, asks = private_statements(lab.run.private), _asks(lab).values()
    write_document(lab.recording, "plans", explain(asks, statements))
    write_document(lab.recording, "ties", count_ties(asks, statements))
    write_document(lab.recording, "containers", growing_containers(lab.recording, Path.cwd()))
    effective = [
        {"name": name, "value": value, "origin": lab.settings.origins[name]}
        for name, value in lab.settings.values.items()
        if name != "env"  # may hold secrets
    ]
    write_document(lab.recording, "settings", {"settings": effective})
