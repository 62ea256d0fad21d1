"""``flask assay kept``: open the database of a failed test again."""

import os
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import click

from flask_assay.cli.exits import guarded
from flask_assay.errors import ServiceError, UsageError

__all__ = ["command"]

PLACE = Path(".assay") / "kept"


@click.command("kept")
@click.argument("name", default="")
@guarded
def command(name: str) -> None:
    r"""Open the database that a test run with --assay-keep-failed kept.

    Without NAME, list what was kept. With it, or a part of it, start a PostgreSQL of our own,
    load the database and open psql; both end with it. Its address is printed for other tools.

    \b
    Examples:
      flask assay kept
      flask assay kept test_checkout.py-test_total
      echo 'select count(*) from orders' | flask assay kept test_total
    """
    files = _kept()
    if not name:
        for path in files:
            when = datetime.fromtimestamp(path.stat().st_mtime, UTC).astimezone()
            click.echo(f"{when:%Y-%m-%d %H:%M}  {path.stem}")
        return
    found = [path for path in files if path.stem == name] or [
        path for path in files if name in path.stem
    ]
    if len(found) != 1:
        raise UsageError(
            f"{name}: that is in the names of {len(found) or 'none'} of the databases in {PLACE}",
            todo="One of:\n" + "\n".join(f"  {path.stem}" for path in found or files),
        )
    _open(found[0])


def _kept() -> list[Path]:
    files = sorted(PLACE.glob("*.sql"), key=lambda path: path.stat().st_mtime, reverse=True)
    if not files:
        raise UsageError(
            f"there is no database in {PLACE.absolute()}",
            todo="Run the failing test with --assay-keep-failed, and call this from the directory "
            "that pytest's settings are in.",
        )
    return files


def _open(path: Path) -> None:
    from flask_assay.services.binaries import find_postgres
    from flask_assay.services.postgres import provision_postgres
    from flask_assay.services.run_dir import RunDirectory
    from flask_assay.services.supervisor import Supervisor

    with RunDirectory.create() as run, Supervisor(run) as supervisor:
        server = provision_postgres(supervisor, purpose="tests")
        db = server.create_database("kept")
        address = f"postgresql://{db.user}@/{db.name}?host={db.socket_dir}&port={db.port}"
        psql = [find_postgres(run.cache).path("psql"), "--no-psqlrc", address]
        environment = {**os.environ, "PGAPPNAME": "assay kept"}
        loaded = subprocess.run(
            [*psql, "--quiet", "--set=ON_ERROR_STOP=1", f"--file={path}"],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
        if loaded.returncode != 0:
            raise ServiceError(f"{path} could not be loaded", why=loaded.stderr.strip())
        click.echo(f"{path.stem}, until psql ends: {address}", err=True)
        subprocess.run(psql, env=environment, check=False)
