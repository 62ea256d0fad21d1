"""Measure a patch: the user's code against the same code with the patch, as real processes."""

import contextlib
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from flask_assay.errors import TargetError, UsageError
from flask_assay.experiments.arms import BASE, NULL, ArmPlan, spare_arm
from flask_assay.experiments.estimate import judge
from flask_assay.experiments.launch import Bench, LaunchResult, run_launch
from flask_assay.experiments.prove import requests_of
from flask_assay.experiments.rehearsal import rehearse
from flask_assay.experiments.writes import has_unsafe_method, writing_routes
from flask_assay.gather.inside.target_plan import PLAN_VARIABLE
from flask_assay.gather.lab import Copy, Databases, Lab
from flask_assay.gather.told import preparation_error
from flask_assay.model.clock import Clock
from flask_assay.model.deadline import Deadline
from flask_assay.model.effect import Trial
from flask_assay.model.finding import Finding, Remedy
from flask_assay.recording.reader import Recording

__all__ = ["confirm"]

_PATCHED = "patched"
_LAUNCHES = 6
_LAUNCH_S = 2.5
_LONGEST_LAUNCH_S = 60.0
_REQUESTS = 6
_NO_SEED = "flask_assay.experiments.interventions.nothing:keep"


def confirm(
    lab: Lab,
    recording: Recording,
    proposal: tuple[Finding, Remedy],
    patched: tuple[Path, str],
    *,
    clock: Clock,
    on_step: Callable[[str], None],
) -> Trial:
    """Return what the patched code measured on the finding's routes.

    Unchanged and patched code are processes of their own, on copies of the same data.

    Args:
        lab: After a load; no target may be up.
        recording: Of that load.
        proposal: The finding and its remedy.
        patched: Directory of the patched project, and how its database is brought up to it;
            "" if it need not be.
        clock: Source of time.
        on_step: Told what is going on.

    Raises:
        UsageError: If no request to the finding's routes can be repeated.
        TargetError: If the patched app does not boot or migrate.
    """
    finding, remedy = proposal
    directory, schema = patched
    requests = requests_of(lab, recording, finding.routes)
    requests = {route: each for route, each in requests.items() if not has_unsafe_method(route)}
    routes = frozenset(requests)
    with contextlib.ExitStack() as stack:
        base = lab.copy("base")
        stack.callback(lab.discard, base)
        changed = _copy(lab, "patched", stack)
        # what a page notes while it is read, it notes in data of its own on every side
        is_noting = bool(writing_routes(recording) & routes)
        null = _copy(lab, "null", stack) if is_noting else base.databases
        if schema:
            _bring_up(lab, Copy(changed, base.valkey), patched, on_step)
        arms = (
            ArmPlan(BASE, (), routes, base.databases),
            ArmPlan(NULL, (), routes, null),
            ArmPlan(_PATCHED, (), routes, changed, directory=str(directory)),
        )
        bench = Bench(lab, base, (), arms, requests, clock, is_apart=True)
        spare = replace(spare_arm(routes), databases=base.databases)
        bench = replace(bench, requests=rehearse(bench, spare, _REQUESTS).requests)
        if not bench.requests:
            raise UsageError(
                f"no request to {', '.join(finding.routes)} could be sent again",
                todo="The patch was not measured. What is sent to be written (POST, PUT …) is not "
                "repeated.",
            )
        results = _launches(bench, lab.settings.integer("random_seed"), on_step)
    return _trial(finding, remedy, results)


def _launches(bench: Bench, seed: int, on_step: Callable[[str], None]) -> list[LaunchResult]:
    rng = random.Random(seed)
    results = []
    for number in range(_LAUNCHES):
        on_step(f"unchanged against patched code: launch {number + 1} of {_LAUNCHES}")
        latest = Deadline.after(bench.clock, _LONGEST_LAUNCH_S)
        results.append(run_launch(bench, rng, budget_s=_LAUNCH_S, deadline=latest))
    return results


def _trial(finding: Finding, remedy: Remedy, results: Sequence[LaunchResult]) -> Trial:
    found = judge(results, {_PATCHED: 1.0})[_PATCHED]
    return Trial(
        remedy_id=f"{finding.audit}/{finding.key}/patched",
        intervention=remedy.intervention,
        parameters=remedy.parameters,
        summary=remedy.summary,
        outcome=found.outcome,
        effects=found.effects,
        reason=found.reason,
    )


def _upgrade(lab: Lab, copy: Copy, directory: Path, schema: str) -> None:
    """Bring a copy of the database up to the code in a directory."""
    place = lab.run.private / f"upgrade-{lab.next_number()}"
    place.mkdir()
    plan = replace(
        lab.plan(lab.route(copy), place),
        directory=str(directory), schema=schema, seed=_NO_SEED, login="",
    )  # fmt: skip
    path = plan.write(place / "plan.json")
    process = lab.supervisor.start(
        f"upgrade-{lab.next_number()}",
        [sys.executable, "-m", "flask_assay.gather.inside.prepare"],
        env=lab.environment({PLAN_VARIABLE: str(path)}),
        cwd=directory,
    )
    if (code := process.wait(timeout_s=300.0)) != 0:
        error = preparation_error(plan, process.log_path.read_text(errors="replace"), code)
        raise TargetError(
            f"the migration failed on a copy of the database: {error.what}",
            why=error.why,
            todo="Nothing of yours was changed.",
        )


def _bring_up(
    lab: Lab, target: Copy, patched: tuple[Path, str], on_step: Callable[[str], None]
) -> None:
    """Bring a copy of the data up to the patched code."""
    directory, schema = patched
    on_step("upgrade a copy of the database")
    is_of_models = lab.plan(lab.route(), lab.recording).schema == "create_all"
    if schema != "indexes" and is_of_models:
        # what the models made has no version yet, and begins at the one before the patch
        _upgrade(lab, target, Path.cwd(), "stamp")
    _upgrade(lab, target, directory, schema)


def _copy(lab: Lab, label: str, stack: contextlib.ExitStack) -> Databases:
    databases = lab.clone_databases(label)
    for each in databases.all():
        stack.callback(lab.postgres.drop_database, each)
    return databases
