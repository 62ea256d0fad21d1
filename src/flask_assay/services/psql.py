"""SQL by the wheel's own client, so that services need no driver."""

import csv
import io
import os
import re
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.errors import ServiceError
from flask_assay.services.processes import RUN_VARIABLE

__all__ = ["Psql", "SqlError", "literal", "quoted"]

STATEMENT_S = 600.0
_PLACE = re.compile(r"^psql:(<stdin>:\d+:)? *", re.MULTILINE)
LONGEST_FIELD = 2**31 - 1


class SqlError(ServiceError):
    """A statement of ours that the server refused."""


def quoted(name: str) -> str:
    """Return an identifier, quoted."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a string literal (standard-conforming: a backslash is a backslash)."""
    return "'" + text.replace("'", "''") + "'"


@dataclass(frozen=True, slots=True)
class Psql:
    """How to reach one server.

    Attributes:
        program: Path of ``psql``.
        host: Directory of the unix socket, or a host name.
        port: Its port.
        user: Role.
        run_id: Mark of the run, so that a client outlives it no more than a server does.
        password: For an external server; goes by environment, never by command line.
        extra: More libpq variables (``PGSSLMODE`` …).
    """

    program: str
    host: str
    port: int
    user: str
    run_id: str
    password: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)

    def run(
        self, database: str, text: str, *, timeout_s: float = STATEMENT_S
    ) -> list[tuple[str, ...]]:
        """Run statements one by one, each in its own transaction, and return their rows.

        Args:
            database: To connect to.
            text: One or more statements. Our own: a backslash at a line's start is psql's.
            timeout_s: For all of them.

        Returns:
            The rows of all statements, values as text, NULL as "".

        Raises:
            SqlError: With the server's message, if a statement fails.
        """
        command = [self.program, "-X", "-q", "--csv", "-t"]
        command += ["-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=terse", "-f", "-"]
        try:
            done = subprocess.run(
                command,
                input=text,
                capture_output=True,
                text=True,
                encoding="utf-8",
                check=False,
                env=self._environment(database),
                timeout=timeout_s,
                process_group=0,
            )
        except subprocess.TimeoutExpired:
            raise SqlError(f"no answer within {timeout_s:g} s: {_first_line(text)}") from None
        if done.returncode != 0:
            raise SqlError(f"{_message(done.stderr)} (database {database}): {_first_line(text)}")
        csv.field_size_limit(LONGEST_FIELD)  # a plan is one field, and plans can be long
        return [tuple(row) for row in csv.reader(io.StringIO(done.stdout, newline=""))]

    def _environment(self, database: str) -> dict[str, str]:
        """Return libpq's whole environment: none of the user's PG variables has a part in it."""
        given = {
            "PATH": os.environ.get("PATH", os.defpath),
            "LC_ALL": "C",
            "PGHOST": self.host,
            "PGPORT": str(self.port),
            "PGUSER": self.user,
            "PGDATABASE": database,
            "PGCLIENTENCODING": "UTF8",
            "PGAPPNAME": "flask-assay",
            "PGCONNECT_TIMEOUT": "10",
            # nothing at all: of a device libpq would say that it is no plain file
            "PGPASSFILE": os.path.join(os.devnull, "none"),  # noqa: PTH118 - no path to use
            "PGSERVICEFILE": os.devnull,
            RUN_VARIABLE: self.run_id,
            **self.extra,
        }
        return {**given, "PGPASSWORD": self.password} if self.password else given


def _message(stderr: str) -> str:
    """Return the server's words without psql's own place in a script that nobody sees."""
    return _PLACE.sub("", stderr).strip() or "psql failed without a word"


def _first_line(text: str) -> str:
    return text.strip().partition("\n")[0][:200]
