"""Databases of failed tests: open while the run lasts, written out when it ends."""

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from flask_assay.errors import AssayError, ServiceError
from flask_assay.pytest_plugin.host import Host
from flask_assay.pytest_plugin.marks import stated
from flask_assay.pytest_plugin.summary import Summary
from flask_assay.sandbox.checkout import Kept

if TYPE_CHECKING:
    from flask_assay.services.supervisor import Supervisor

__all__ = ["KEPT_COUNT", "KeptDatabases", "write_kept"]

KEPT_COUNT = 20
"""Files kept in a project; older ones make room."""
DUMP_S = 60.0


class KeptDatabases:
    """What ``--assay-keep-failed`` and ``assay(keep=True)`` do.

    Args:
        config: Of the run.
        host: Of this process.
        summary: Is told what was kept, and where.
    """

    def __init__(self, config: pytest.Config, host: Host, summary: Summary) -> None:
        self._config, self._host, self._summary = config, host, summary

    def are_wanted(self, item: pytest.Item) -> bool:
        """Whether a test's database is to be put aside if it fails."""
        wanted = stated(item, "keep")
        return bool(self._config.getoption("assay_keep_failed") if wanted is None else wanted)

    def settle(self, test: str, dsn: str) -> None:
        """Keep the database of the attempt that counts, if it has one, and say so at once."""
        sandbox = self._host.sandbox
        if not sandbox.kept:
            return
        sandbox.keep_only(test, dsn)
        reporter = self._config.pluginmanager.get_plugin("terminalreporter")
        if dsn and reporter is not None:
            reporter.ensure_newline()
            reporter.write_line(f"kept, while this run lasts: psql '{dsn}'")

    def write(self) -> None:
        """Write out what was kept, as the server ends with the run."""
        if not self._host.is_started or not self._host.sandbox.kept:
            return
        root = self._config.rootpath
        try:
            written = write_kept(
                self._host.supervisor, self._host.sandbox.kept, root / ".assay" / "kept"
            )
        except AssayError as error:
            self._summary.lines.append(f"NOT KEPT  {error}")
            return
        for test, path in written.items():
            self._summary.written(test, str(path.relative_to(root)))


def write_kept(supervisor: "Supervisor", kept: list[Kept], directory: Path) -> dict[str, Path]:
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
    from flask_assay.services.binaries import find_postgres

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
