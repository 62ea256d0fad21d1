"""``flask assay report``: render a recording again, from the recording alone."""

from pathlib import Path
from typing import Any

import click

from flask_assay.cli.exits import guarded
from flask_assay.errors import UsageError

__all__ = ["command"]


@click.command("report")
@click.argument("recording", type=click.Path(path_type=Path), default=Path(".assay/latest"))
@click.option("--html", "html_file", type=click.Path(path_type=Path), help="Write the page here.")
@click.option("--markdown", "as_markdown", is_flag=True, help="Print Markdown.")
@click.option("--json", "as_json", is_flag=True, help="Print the diagnosis as JSON.")
@click.option(
    "--speedscope",
    type=click.Path(path_type=Path),
    help="Write the CPU stacks of each endpoint here, for https://www.speedscope.app.",
)
@guarded
def command(
    recording: Path,
    html_file: Path | None,
    speedscope: Path | None,
    *,
    as_markdown: bool,
    as_json: bool,
) -> None:
    r"""Render RECORDING again (default: .assay/latest).

    \b
    Examples:
      flask assay report
      flask assay report .assay/latest --html report.html
      flask assay report --speedscope cpu.json
      assay report recording/ --json
    """
    from flask_assay.diagnosis import diagnose
    from flask_assay.recording.reader import open_recording
    from flask_assay.report import document, html, markdown, terminal

    diagnosis = diagnose(open_recording(recording))
    if html_file is not None:
        html_file.write_text(html.render(diagnosis), encoding="utf-8")
        click.echo(f"Report: {html_file}", err=True)
    if speedscope is not None:
        _write_stacks(diagnosis, speedscope)
    if as_json:
        click.echo(document.to_json(diagnosis))
    elif as_markdown:
        click.echo(markdown.render(diagnosis))
    elif html_file is None and speedscope is None:
        click.echo(terminal.render(diagnosis))


def _write_stacks(diagnosis: Any, path: Path) -> None:
    from flask_assay.report.speedscope import render

    if not diagnosis.profile.endpoints:
        raise UsageError(
            "this recording holds no CPU stacks",
            why=diagnosis.profile.reason or "They were not sampled in that run.",
            todo="Record again: flask assay run. For one request: flask assay profile /path.",
        )
    path.write_text(render(diagnosis.profile, name=diagnosis.app), encoding="utf-8")
    click.echo(f"Speedscope: {path}", err=True)
