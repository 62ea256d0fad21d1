"""``python -m flask_assay.load.worker PLAN.json``: make the load that a plan describes.

Exit codes: 0 the plan was carried out or stopped in good order, 2 the user's file is at
fault, 3 the load could not be made. The reason is in the status file.
"""

import logging
import os
import sys
import traceback
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from flask_assay.errors import AssayError, LoadError, UsageError
from flask_assay.load.plan import LoadPlan
from flask_assay.load.status import LoadProgress, WorkerError, read_status, write_status
from flask_assay.services.waiting import wait_until

LONGEST_WAIT_S = 600.0
PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def main(arguments: list[str]) -> int:
    """Carry out the plan in the file that the one argument names."""
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        plan = LoadPlan.from_json(Path(arguments[0]).read_text(encoding="utf-8"))
    except AssayError as error:
        print(error, file=sys.stderr)  # noqa: T201 - there is no status file to tell it to
        return error.exit_code
    try:
        _carry_out(plan)
    except AssayError as error:
        return _give_up(plan, error)
    except Exception as error:  # noqa: BLE001 - the parent shows it, whatever it is
        traceback.print_exc()
        return _give_up(plan, _explained(error))
    return 0


def _carry_out(plan: LoadPlan) -> None:
    write_status(plan.status_path, LoadProgress())
    _forget_proxies()
    try:
        from flask_assay.load.worker.session import run_plan
    except ImportError as error:
        raise LoadError(
            f"Locust cannot be imported: {error}",
            why="It, or something that it needs, is missing or of a version it cannot use.",
            todo="pip install 'flask-assay[run]', in an environment without other load tools.",
        ) from error
    if plan.waits:
        plan.ready_path.touch()
        wait_until(plan.go_path.exists, timeout_s=LONGEST_WAIT_S, what="the word to begin")
    sys.path.insert(0, "")  # the user's modules, which may shadow others', only from here on
    run_plan(plan)


def _forget_proxies() -> None:
    for name in PROXIES:
        os.environ.pop(name, None)
        os.environ.pop(name.upper(), None)
    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "*"


def _explained(error: Exception) -> LoadError:
    if isinstance(error, OSError):
        return LoadError(
            f"the load could not be recorded: {error}",
            why="Rows are written as they come; without room for them a run measures nothing.",
            todo="Make room on the disk of the recording, or name another place for it.",
        )
    return LoadError(
        f"the load worker failed: {type(error).__name__}: {error}",
        why="This is a fault of flask-assay, or Locust is of a version unknown to it; the "
        "traceback is in the load worker's log.",
    )


def _give_up(plan: LoadPlan, error: AssayError) -> int:
    last = read_status(plan.status_path) or LoadProgress()
    kind = "usage" if isinstance(error, UsageError) else "load"
    told = WorkerError(kind, error.what, error.why, error.todo)
    print(error, file=sys.stderr)  # noqa: T201 - the log of this process is where it belongs
    with suppress(OSError):  # of a full disk, say, which may be the error itself
        ended = replace(last, phase="end", left_s=0.0, users=0, error=told)
        write_status(plan.status_path, ended)
    return error.exit_code


if __name__ == "__main__":
    code = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # no thread or exit handler of the user's may keep the process alive
