"""Databases of failed tests, written out before their server goes away with the run."""

import os
import re
from pathlib import Path

from flask_assay.errors import ServiceError
from flask_assay.sandbox.checkout import Kept
from flask_assay.services.binaries import find_postgres
from flask_assay.services.supervisor import Supervisor

__all__ = ["KEPT_COUNT", "write_kept"]

KEPT_COUNT = 20
"""Files kept in a project; older ones make room."""
DUMP_S = 60.0


def write_kept(supervisor: Supervisor, kept: list[Kept], directory: Path) -> dict[str, Path]:
    """Write each database as SQL, which any PostgreSQL reads.

    Args:
        supervisor: Of this process's run.
        kept: What was put aside.
        directory: Where the files belong.

    Returns:
        Test to file.

    Raises:
        ServiceError: ``pg_dump`` failed; with its words.
    """
    program = find_postgres(supervisor.run.cache).path("pg_dump")
    directory.mkdir(parents=True, exist_ok=True)
    written = {}
    for one in kept:
        path = directory / f"{re.sub(r'[^A-Za-z0-9_.]+', '-', one.test)[-100:]}.sql"
        process = supervisor.start(
            "pg_dump",
            [
                program, "--no-owner", "--no-privileges", "--exclude-schema=flask_assay",
                f"--host={one.db.socket_dir}", f"--port={one.db.port}",
                f"--username={one.db.user}", f"--file={path}", one.db.name,
            ],
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
        )  # fmt: skip
        code = process.wait(DUMP_S)
        log = process.log_tail()
        process.stop()
        if code != 0:
            raise ServiceError(f"the database of {one.test} could not be kept", why=log)
        written[one.test] = path
    _make_room(directory)
    return written


def _make_room(directory: Path) -> None:
    files = sorted(directory.glob("*.sql"), key=lambda path: path.stat().st_mtime)
    for path in files[:-KEPT_COUNT]:
        path.unlink()
