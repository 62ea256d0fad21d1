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
@click.option("--sarif", type=click.Path(path_type=Path), help="Write the findings as SARIF here.")
@click.option("--annotations", is_flag=True, help="Print the findings as GitHub annotations.")
@guarded
def command(  # noqa: PLR0913 - one parameter per option
    recording: Path,
    html_file: Path | None,
    speedscope: Path | None,
    sarif: Path | None,
    *,
    as_markdown: bool,
    as_json: bool,
    annotations: bool,
) -> None:
    r"""Render RECORDING again (default: .assay/latest).

    \b
    Examples:
      flask assay report
      flask assay report .assay/latest --html report.html
      flask assay report --speedscope cpu.json
      flask assay report --sarif findings.sarif --annotations
      assay report recording/ --json
    """
    from flask_assay.diagnosis import diagnose
    from flask_assay.recording.reader import open_recording
    from flask_assay.report import annotations as github
    from flask_assay.report import document, html, markdown, terminal
    from flask_assay.report import sarif as interchange

    opened = open_recording(recording)
    diagnosis = diagnose(opened, allow=_allowed(opened.document("settings")))
    if html_file is not None:
        _write(html_file, html.render(diagnosis), "Report")
    if sarif is not None:
        _write(sarif, interchange.render(diagnosis), "SARIF")
    if speedscope is not None:
        _write_stacks(diagnosis, speedscope)
    renderers = (
        (as_json, document.to_json),
        (as_markdown, markdown.render),
        (annotations, github.render),
    )
    wanted = [render for is_wanted, render in renderers if is_wanted]
    for render in wanted:
        click.echo(render(diagnosis))
    if not wanted and html_file is None and speedscope is None and sarif is None:
        click.echo(terminal.render(diagnosis))


def _allowed(settings: dict[str, object]) -> dict[str, str]:
    """Return what was accepted when the recording was made."""
    listed = settings.get("settings")
    for each in listed if isinstance(listed, list) else []:
        if each.get("name") == "allow" and isinstance(each.get("value"), dict):
            return {str(key): str(reason) for key, reason in each["value"].items()}
    return {}


def _write(path: Path, text: str, what: str) -> None:
    path.write_text(text, encoding="utf-8")
    click.echo(f"{what}: {path}", err=True)


def _write_stacks(diagnosis: Any, path: Path) -> None:
    from flask_assay.report.speedscope import render

    if not diagnosis.profile.endpoints:
        raise UsageError(
            "this recording holds no CPU stacks",
            why=diagnosis.profile.reason or "They were not sampled in that run.",
            todo="Record again: flask assay run. For one request: flask assay profile /path.",
        )
    _write(path, render(diagnosis.profile, name=diagnosis.app), "Speedscope")
