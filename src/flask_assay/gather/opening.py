"""Open a lab: preflight, servers, the recording's directory; everything ends with the block."""

import contextlib
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import flask_assay
from flask_assay.config.resolve import Settings
from flask_assay.errors import AssayError, InterruptedRunError, ServiceError, UsageError
from flask_assay.gather.lab import Lab
from flask_assay.gather.preflight import require_runnable
from flask_assay.gather.progress import Progress
from flask_assay.model.clock import SystemClock
from flask_assay.model.deadline import Deadline
from flask_assay.recording.directory import (
    EVENTS,
    MANIFEST,
    SCHEMA_VERSION,
    append_line,
    read_document,
    read_lines,
    write_document,
)
from flask_assay.services.external import (
    ExternalPostgres,
    ExternalValkey,
    provision_external_postgres,
    provision_external_valkey,
)
from flask_assay.services.extinction import extinguish, remove
from flask_assay.services.postgres import PostgresServer, provision_postgres
from flask_assay.services.reaper import reap
from flask_assay.services.run_dir import RunDirectory, default_base
from flask_assay.services.space import FreeSpace, free_bytes
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import ValkeyServer, provision_valkey

__all__ = ["NEEDED_FOR_RECORDING", "has_begun", "open_lab", "write_status"]

NEEDED_FOR_RECORDING = 200_000_000
"""Bytes that must be free where the recording is written."""

_AT_ONCE_S = 0.7


@contextmanager
def open_lab(
    app: str, settings: Settings, progress: Progress, *, free_space: FreeSpace = free_bytes
) -> Iterator[Lab]:
    """Provide the servers of a run; everything ends with the block.

    Args:
        app: Import path as given to ``flask --app``.
        settings: Effective settings.
        progress: Who is told how far it is.
        free_space: How to ask for free bytes.

    Raises:
        UsageError: If something can be seen to be wrong before a server starts.
        ServiceError: If a server can not be provided.
    """
    total_s = settings.number("total_s")
    deadline = Deadline.after(SystemClock(), total_s) if total_s else None
    require_runnable(app, settings)
    base = default_base()
    reap(base)
    with RunDirectory.create(base, free_space=free_space) as run:
        recording = _new_recording(settings, run.run_id, free_space)
        progress.ends_with(lambda: _end_at_once(run, recording))
        try:
            write_status(recording, app, run.run_id, "running", "")
            with Supervisor(run) as supervisor, _servers(supervisor, settings, progress) as servers:
                lab = Lab(app, settings, run, supervisor, *servers, recording)
                lab.free_space = free_space
                lab.deadline = deadline
                yield lab
        except BaseException as error:
            _close(recording, error)
            raise


@contextmanager
def _servers(
    supervisor: Supervisor, settings: Settings, progress: Progress
) -> Iterator[tuple[PostgresServer | ExternalPostgres, ValkeyServer | ExternalValkey]]:
    """Provide PostgreSQL and Redis: the user's, under the rules for them, else our own."""
    postgres_url = os.environ.get("ASSAY_POSTGRES_URL", "")
    redis_url = os.environ.get("ASSAY_REDIS_URL", "")
    listed = settings.items("external_databases")
    progress.step("start PostgreSQL and Valkey")
    valkey = (
        provision_external_valkey(redis_url, listed=listed)
        if redis_url
        else provision_valkey(supervisor)
    )
    if not postgres_url:
        yield provision_postgres(supervisor, purpose="measured"), valkey
        return
    external = provision_external_postgres(supervisor.run, postgres_url, listed=listed)
    try:
        yield external, valkey
    finally:
        with contextlib.suppress(AssayError):  # what is left goes with a later run
            external.drop_all()


def has_begun(recording: Path) -> bool:
    """Whether load was put on the app, so that there is something to report."""
    return any(event.get("event") == "phase" for event in read_lines(recording, EVENTS))


def _close(recording: Path, error: BaseException) -> None:
    """Say why a recording ends early; one in which nothing was measured is removed."""
    with contextlib.suppress(OSError):
        if not has_begun(recording):
            shutil.rmtree(recording, ignore_errors=True)
            if isinstance(error, InterruptedRunError):
                error.why = error.why or "Nothing was measured yet, so there is no report."
            return
        manifest = read_document(recording, MANIFEST, {})
        if isinstance(manifest, dict) and manifest.get("status") == "running":
            reason = getattr(error, "what", None) or type(error).__name__
            ended = manifest | {"status": "partial", "status_reason": reason}
            write_document(recording, MANIFEST, ended)
        kept = f"What was recorded until then: flask assay report {_shown(recording)}"
        if isinstance(error, AssayError):
            error.todo = f"{error.todo}\n{kept}" if error.todo else kept
        else:
            error.add_note(kept)


def _shown(path: Path) -> Path:
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def _end_at_once(run: RunDirectory, recording: Path) -> None:
    """End every process of the run and remove its directory, within three seconds."""
    extinguish(run.path, run.run_id, grace_s=_AT_ONCE_S)
    remove(run.path, run.sockets)
    _close(recording, InterruptedRunError("ended at once by the user"))


def _new_recording(settings: Settings, run_id: str, free_space: FreeSpace) -> Path:
    stamp = datetime.now(UTC).strftime("%Y%m%d-%H%M%S")
    output = Path.cwd() / settings.text("output")
    path = output / f"{stamp}-{run_id}"
    try:
        output.mkdir(parents=True, exist_ok=True)
        _require_room(output, free_space)
        path.mkdir()
        ignore = output / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"output = {settings.text('output')!r}: {error.strerror}",
            why=f"The recording and the report are written to {output}.",
            todo="Name a directory that you may write: --output DIRECTORY.",
        ) from error
    return path


def _require_room(output: Path, free_space: FreeSpace) -> None:
    free = free_space(output)
    if free < NEEDED_FOR_RECORDING:
        raise ServiceError(
            f"{free / 1e9:.2f} GB free at {output}: a recording needs up to "
            f"{NEEDED_FOR_RECORDING / 1e9:.2f} GB",
            why="Rows are written as requests are answered; none may be lost for want of room.",
            todo="Free some space, or name a directory on another disk: --output DIRECTORY.",
        )


def write_status(
    recording: Path,
    app: str,
    run_id: str,
    status: str,
    reason: str,
    load: Mapping[str, object] | None = None,
) -> None:
    """Write the manifest with a run's status: "running", "complete" or "partial".

    Args:
        recording: Its directory.
        app: Import path as given to ``flask --app``.
        run_id: Of the run.
        status: How far it is.
        reason: Why it is partial.
        load: Users, model and source of the load, once it was decided.
    """
    append_line(recording, EVENTS, {"event": "status", "status": status})
    before = read_document(recording, MANIFEST, {})
    started = before.get("started_at") if isinstance(before, dict) else None
    manifest = {
        "schema_version": SCHEMA_VERSION,
        "run_id": run_id,
        "kind": "run",
        "app": app,
        "started_at": started or datetime.now(UTC).isoformat(timespec="seconds"),
        "status": status,
        "status_reason": reason,
        "load": dict(load or {}),
        "flask_assay": flask_assay.__version__,
    }
    write_document(recording, MANIFEST, manifest)
