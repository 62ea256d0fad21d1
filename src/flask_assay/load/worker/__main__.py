"""``python -m flask_assay.load.worker PLAN.json``: make the load that a plan describes.

Exit codes: 0 the plan was carried out or stopped in good order, 2 the user's file is at
fault, 3 the load could not be made. The reason is in the status file.
"""

import locust  # isort: skip  # first: it replaces sockets, and what came before keeps the old

import logging
import os
import random
import sys
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import gevent
from locust.env import Environment

from flask_assay.errors import AssayError, LoadError, UsageError
from flask_assay.load.plan import LoadPlan
from flask_assay.load.recorder import LoadRecorder, open_rows_file
from flask_assay.load.status import LoadProgress, WorkerError, read_status, write_status
from flask_assay.load.worker.client_tap import ClientTap
from flask_assay.load.worker.conductor import Conductor
from flask_assay.load.worker.desk import Desk
from flask_assay.load.worker.gate import ArrivalGate
from flask_assay.load.worker.redirects import stay_on_target
from flask_assay.load.worker.users import Cast, assemble, make_environment
from flask_assay.load.worker.wire_tap import TargetGuard, WireTap
from flask_assay.model.clock import SystemClock

PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def main(arguments: list[str]) -> int:
    """Carry out the plan in the file that the one argument names."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    plan = LoadPlan.from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    sys.path.insert(0, "")  # the user's modules; left out until Locust and we were imported
    _forget_proxies()
    try:
        _run(plan)
    except AssayError as error:
        _give_up(plan, error)
        return error.exit_code
    except OSError as error:
        traceback.print_exc()
        _give_up(plan, _not_recorded(error))
        return LoadError.exit_code
    except Exception as error:  # noqa: BLE001 - the parent shows it, whatever it is
        traceback.print_exc()
        _give_up(plan, _unexpected(error))
        return LoadError.exit_code
    return 0


def _run(plan: LoadPlan) -> None:
    clock, pid = SystemClock(), os.getpid()
    write_status(plan.status_path, LoadProgress())
    recorder = LoadRecorder(open_rows_file(plan.recording_dir, pid), clock=clock, pid=pid)
    desk = Desk(plan, recorder, clock=clock, pid=pid)
    guard = TargetGuard(plan.target)
    WireTap(desk.book, guard).install()
    stay_on_target(guard)
    ClientTap(desk.book).install(locust.events)
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


def _forget_proxies() -> None:
    for name in PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


def _not_recorded(error: OSError) -> LoadError:
    return LoadError(
        f"the load could not be recorded: {error}",
        why="Rows are written as they come; without room for them a run measures nothing.",
        todo="Make room on the disk of the recording, or name another place for it.",
    )


def _unexpected(error: Exception) -> LoadError:
    return LoadError(
        f"the load worker failed: {type(error).__name__}: {error}",
        why="This is a fault of flask-assay or of an unknown version of Locust "
        f"({locust.__version__}); the traceback is in the load worker's log.",
    )


def _give_up(plan: LoadPlan, error: AssayError) -> None:
    last = read_status(plan.status_path) or LoadProgress()
    kind = "usage" if isinstance(error, UsageError) else "load"
    told = WorkerError(kind, error.what, error.why, error.todo)
    print(error, file=sys.stderr)  # noqa: T201 - the log of this process is where it belongs
    with suppress(OSError):  # of a full disk, say, which may be the error itself
        write_status(plan.status_path, replace(last, phase="end", left_s=0.0, users=0, error=told))


if __name__ == "__main__":
    code = main(sys.argv[1:])
    gevent.get_hub().destroy()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # no thread or exit handler of the user's may keep the process alive
