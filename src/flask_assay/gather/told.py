"""Turn what a process of the target said before it failed into an error that teaches."""

import json
from pathlib import Path
from typing import Any

from flask_assay.errors import TargetError, UsageError
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.gather.tracebacks import last_error, users_frames
from flask_assay.recording.directory import read_lines

__all__ = [
    "EXTENSION_ADVICE",
    "preparation_error",
    "services_error",
    "started_databases",
    "too_slow",
    "without_migrations",
]

_FAILURE = "prepare-failure.json"
_TAIL = 3000
# What explains itself: the class adds nothing for a reader.
_PLAIN = frozenset({"NoAppException", "UsageError", "HookError"})

EXTENSION_ADVICE = (
    "The embedded PostgreSQL lacks this extension. Give a server that has it by "
    "ASSAY_POSTGRES_URL, or leave the extension out of the schema for this run."
)
_ADVICE = {
    "load the app": "`flask --app … routes` must work first; environment variables that the app "
    "needs go to [tool.assay] env.",
    "describe the app": "`flask --app … routes` must work first.",
    "make the schema": "Mend the app's schema, or choose another way with the setting `schema`: "
    "`--schema create_all` makes the tables of the models, `--schema module:function` calls yours.",
    "sign in": "The login hook takes app and number, and returns a mapping of request headers.",
}
_EXIT_ADVICE = {
    "load the app": "The app ends the process at import; give it the configuration that it asks "
    "for, in [tool.assay] env.",
}


def preparation_error(plan: TargetPlan, log: str, code: int) -> TargetError:
    """Return why the prepare process failed.

    Args:
        plan: Its orders.
        log: What it wrote.
        code: Its exit code.
    """
    told = _told(plan)
    if not told:
        return TargetError(
            f"the app's process ended with code {code} while it was prepared",
            why=users_frames(log, plan.directory) or log[-_TAIL:],
            todo="Something in the app ended it without a word (os._exit, a crash, a signal). "
            "Run the app by hand: it must import and create its schema.",
        )
    head, rest = _told_message(told)
    frames = _beside(users_frames(_nested(told), plan.directory), told, rest)
    return TargetError(
        f"could not {told['step']}: {head}",
        why="\n\n".join(part for part in (rest, frames) if part),
        todo=_advice(told, has_seed=bool(plan.seed)),
    )


def without_migrations(plan: TargetPlan, error: TargetError) -> str:
    """Return what to tell of migrations that failed where the models can make the schema.

    Args:
        plan: Orders of the prepare process that failed.
        error: What was made of it.

    Returns:
        A sentence for the report; "" where the failure is another one.
    """
    told = _told(plan)
    if not told.get("can_create_all") or _extension_advice(str(told["message"])):
        return ""
    failure = error.what.removeprefix("could not make the schema: ")
    return (
        f"The app's migrations can not be run on an empty database ({failure}): the schema was "
        "made by create_all from the models instead, so what only migrations make, some indexes "
        "perhaps, is missing here. `--schema create_all` chooses that, `--schema alembic` insists "
        "on the migrations."
    )


def started_databases(plan: TargetPlan) -> dict[str, str]:
    """Return key → name of the databases that a prepare process had made before it failed."""
    return {str(key): str(name) for key, name in _told(plan).get("databases", {}).items()}


def _told(plan: TargetPlan) -> dict[str, Any]:
    try:
        told = json.loads((Path(plan.private) / _FAILURE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return dict(told)


def _beside(frames: str, told: dict[str, Any], rest: str) -> str:
    """Return the frames without what the reader is told anyway."""
    head = str(told["message"]).strip().partition("\n")[0]
    lines = frames.splitlines()
    kept = [
        line
        for line in lines
        if line.startswith("  ") or not ((head and head in line) or line.strip() in rest)
    ]
    return "\n".join(kept)


def _told_message(told: dict[str, Any]) -> tuple[str, str]:
    """Return the message's first line, with the class where it says something, and the rest."""
    message, kind = str(told["message"]).strip(), str(told["kind"])
    head, _, rest = message.partition("\n")
    if "Traceback (most recent call last)" in rest:
        head, rest = f"{head} {last_error(rest)}", ""
    if kind == "SystemExit":
        return f"it called sys.exit({head!r})", rest.strip()
    return (head if kind in _PLAIN else f"{kind}: {head}"), rest.strip()


def _nested(told: dict[str, Any]) -> str:
    """Return the traceback inside a message, if there is one: it is the one that matters."""
    message = str(told["message"])
    at = message.find("Traceback (most recent call last)")
    return message[at:] if at >= 0 else str(told["traceback"])


def _advice(told: dict[str, Any], *, has_seed: bool) -> str:
    step, kind, message = told["step"], told["kind"], told["message"]
    if kind == "SystemExit" and step in _EXIT_ADVICE:
        return _EXIT_ADVICE[step]
    if advice := _extension_advice(message):
        return advice
    if step == "fill the database":
        if has_seed:
            return "Mend the seed hook, or leave the setting out: tables are then filled for you."
        return "Give a hook that fills the tables: `seed` = module:function."
    return _ADVICE[step]


def _extension_advice(message: str) -> str:
    if "permission denied to create extension" in message:
        return "Name the extension in the setting `schema_extensions`: it is then created before."
    if "extension" in message and ("not available" in message or "control file" in message):
        return EXTENSION_ADVICE
    return ""


def services_error(spec: str, failure: str, log: str) -> UsageError:
    """Return why the services hook gave no answer.

    Args:
        spec: The setting.
        failure: What is known without the log; "" to take the log's last error.
        log: What the hook's process wrote.
    """
    said = failure or last_error(log) or "its process ended without an answer"
    return UsageError(
        f"services = {spec!r}: {said}",
        why=users_frames(log, str(Path.cwd())) or log[-_TAIL:].strip(),
        todo="The hook is called without arguments and returns a mapping of environment "
        "variables, or a context manager that yields one.",
    )


def too_slow(recording: Path, seconds: float) -> TargetError:
    """Return the error for a preparation that does not end."""
    steps = [str(line["step"]) for line in read_lines(recording, "events.jsonl") if "step" in line]
    return TargetError(
        f"could not {steps[-1] if steps else 'load the app'} within {seconds:g} s",
        why="The process that imports the app and makes its database was still busy.",
        todo="Choose a smaller `scale`, or look for what the app waits for at import.",
    )
