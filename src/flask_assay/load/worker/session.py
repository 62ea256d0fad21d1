"""Puts one run together: taps, users, conductor."""

import locust  # isort: skip  # first: it replaces sockets, and what came before keeps the old

import os
import random

from locust.env import Environment

from flask_assay.load.plan import LoadPlan
from flask_assay.load.recorder import LoadRecorder, open_rows_file
from flask_assay.load.worker.client_tap import ClientTap
from flask_assay.load.worker.conductor import Conductor
from flask_assay.load.worker.desk import Desk
from flask_assay.load.worker.gate import ArrivalGate
from flask_assay.load.worker.patience import wake_to_stop
from flask_assay.load.worker.redirects import stay_on_target
from flask_assay.load.worker.target_guard import TargetGuard
from flask_assay.load.worker.users import Cast, assemble, make_environment
from flask_assay.load.worker.wire_tap import WireTap
from flask_assay.model.clock import SystemClock

__all__ = ["run_plan"]


def run_plan(plan: LoadPlan) -> None:
    """Carry out a plan in this process, which is of no other use afterwards.

    Raises:
        UsageError: If the locustfile is at fault.
        LoadError: If the load could not be made.
    """
    clock, pid = SystemClock(), os.getpid()
    recorder = LoadRecorder(open_rows_file(plan.recording_dir, pid), clock=clock, pid=pid)
    desk = Desk(plan, recorder, clock=clock, pid=pid)
    guard = TargetGuard(plan.target)
    WireTap(desk.book, guard).install()
    stay_on_target(guard)
    ClientTap(desk.book).install(locust.events)
    wake_to_stop()
    random.seed(plan.seed)
    cast = assemble(plan)
    environment = make_environment(plan, cast)
    conductor = _conductor(plan, cast, environment, desk)
    guard.armed = True
    try:
        conductor.run()
    finally:
        desk.write_counters(
            {
                "task_errors": [[*key, n] for key, n in conductor.task_errors.most_common(50)],
                "notes": conductor.notes,
            }
        )
        locust.events.quitting.fire(environment=environment, reverse=True)
        conductor.finish()


def _conductor(plan: LoadPlan, cast: Cast, environment: Environment, desk: Desk) -> Conductor:
    clock = SystemClock()
    runner = environment.create_local_runner()
    conductor = Conductor(plan, cast, environment, desk=desk, clock=clock)
    conductor.catch_signals()
    if plan.model == "open":
        ArrivalGate(desk.schedule, clock=clock, late=conductor.meter.late).install()
    locust.events.init.fire(environment=environment, runner=runner, web_ui=None)
    return conductor
