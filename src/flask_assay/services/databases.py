"""Databases of one PostgreSQL server: make, clone, drop, address. Knows no process.

``PostgresServer`` adds the process, ``ExternalPostgres`` other people's rules. A
``PostgresDatabases`` alone is what another process of the same run holds (a test worker, the
target's preparation): ``handle()`` there, ``attach()`` here.
"""

import contextlib
import json
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Self
from urllib.parse import quote

from flask_assay.errors import ServiceError
from flask_assay.model.owned import OwnedDatabase
from flask_assay.services.ownership import Query, Server, marker_sql, prove, refused
from flask_assay.services.psql import Psql, quoted
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["APP_ROLE", "MAINTENANCE", "OUR_ROLE", "Coordinates", "PostgresDatabases"]

OUR_ROLE = "assay"
APP_ROLE = "assay_app"
MAINTENANCE = "postgres"
NAME_LIMIT = 63

_LEAVE_S = 5.0  # as long as PostgreSQL itself waits for others
_SERVERS_OWN = frozenset({MAINTENANCE, "template0", "template1"})


@dataclass(frozen=True, slots=True)
class Coordinates:
    """Where a server of this run is and how it is known.

    Attributes:
        psql: Path of the client program.
        socket_dir: Directory of its unix socket.
        port: Part of the socket's name.
        run_id: Of the run.
        nonce: Of the run.
        password: Of both roles over TCP; "" where it does not listen.
    """

    psql: str
    socket_dir: str
    port: int
    run_id: str
    nonce: str
    password: str = ""


class PostgresDatabases:
    """The databases of a server that this run made.

    Attributes:
        version: "18.6".
        system_identifier: Of its cluster.
        socket_dir: Directory of its unix socket.
        port: Part of the socket's name; the TCP port where one was asked for.
    """

    def __init__(self, where: Coordinates) -> None:
        self.where = where
        self.socket_dir, self.port = Path(where.socket_dir), where.port
        self.version, self.system_identifier = "", ""
        self._maintenance = MAINTENANCE
        self._psql = Psql(
            program=where.psql,
            host=where.socket_dir,
            port=where.port,
            user=OUR_ROLE,
            run_id=where.run_id,
        )

    def handle(self) -> str:
        """Return what another process of this run needs to ``attach``, as JSON. It is secret."""
        return json.dumps(asdict(self.where))

    @classmethod
    def attach(cls, handle: str) -> "PostgresDatabases":
        """Return the databases of a running server that another process of this run started.

        Raises:
            SqlError: If it does not answer.
        """
        databases = PostgresDatabases(Coordinates(**json.loads(handle)))
        databases.identify()
        return databases

    def identify(self, query: Query | None = None) -> Self:
        """Ask the server for its version and system identifier.

        Args:
            query: Runs one statement on a connection as our role; by default ``psql`` does.

        Raises:
            SqlError: If it does not answer a query as our role.
        """
        text = (
            "SELECT split_part(current_setting('server_version'), ' ', 1), "
            "system_identifier::text FROM pg_catalog.pg_control_system()"
        )
        ((version, identifier),) = query(text) if query is not None else self.sql(None, text)
        self.version, self.system_identifier = str(version), str(identifier)
        return self

    @property
    def identity(self) -> Server:
        """What ``ownership.prove`` compares a connection with."""
        return Server(self.socket_dir, self.port, self.system_identifier, self.where.nonce)

    def prove(self, query: Query, *, host: str) -> OwnedDatabase:
        """Return the proof that a live connection leads to a database of this run.

        Args:
            query: Runs one statement on that connection and returns its rows.
            host: Where the driver says that it connected: for a unix socket, its directory.

        Raises:
            NotOursError: With database, host and every reason; never with a password.
        """
        return prove(query, self.identity, host=host)

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
        if db is None:
            return self._psql.run(self._maintenance, text)
        self._require(db)
        return self._psql.run(db.name, text)

    def _require(self, db: OwnedDatabase) -> None:
        reasons = []
        expected = self._owned(db.name)
        if replace(db, nonce="", user="") != replace(expected, nonce="", user=""):
            reasons.append("it belongs to another server")
        if db.nonce != self.where.nonce:
            reasons.append("it belongs to another run")
        if db.name in _SERVERS_OWN:
            reasons.append("it is the server's own")
        if reasons:
            raise refused(db.name, db.host or str(db.socket_dir or ""), reasons)

    def create_database(self, name: str, *, template: OwnedDatabase | None = None) -> OwnedDatabase:
        """Create a database that belongs to the app's role, marked as ours.

        Args:
            name: At most 63 bytes.
            template: A database to clone. Nobody may be connected to it.

        Raises:
            ServiceError: If the name is taken or too long, or somebody is connected to the
                template; the message names who.
        """
        owned = self._owned(name)
        if not name or len(owned.name.encode()) > NAME_LIMIT:
            raise ServiceError(
                f"{owned.name!r} is no database name: it has {len(owned.name.encode())} bytes",
                why=f"PostgreSQL cuts names after {NAME_LIMIT} bytes, and then they collide.",
                todo="Choose a shorter name, or one at all.",
            )
        if template is not None:
            self._require(template)
            self._require_quiet(template)
            self._copy(template, owned)
            return owned
        self._make(owned)
        self.sql(owned, marker_sql(self.where.nonce, self.where.run_id))
        return owned

    def _make(self, owned: OwnedDatabase) -> None:
        self.sql(None, f"CREATE DATABASE {quoted(owned.name)} OWNER {quoted(owned.user)}")

    def _copy(self, template: OwnedDatabase, owned: OwnedDatabase) -> None:
        # A checkpoint of its own, while nobody waits, shortens the two that the copy makes.
        self.sql(
            None,
            "CHECKPOINT;\n"
            f"CREATE DATABASE {quoted(owned.name)} OWNER {quoted(owned.user)} "
            f"TEMPLATE {quoted(template.name)} STRATEGY file_copy",
        )

    def _owned(self, name: str) -> OwnedDatabase:
        return OwnedDatabase(
            name=name,
            socket_dir=self.socket_dir,
            host="",
            port=self.port,
            system_identifier=self.system_identifier,
            nonce=self.where.nonce,
            user=APP_ROLE,
        )

    def _clients(self, db: OwnedDatabase) -> list[tuple[str, ...]]:
        rows = self.sql(
            None,
            "SELECT datname, pid, usename, application_name, state FROM pg_stat_activity "
            "WHERE backend_type = 'client backend'",
        )
        return [row[1:] for row in rows if row[0] == db.name]

    def _require_quiet(self, db: OwnedDatabase) -> None:
        clients: list[tuple[str, ...]] = []

        def others_only() -> bool:
            nonlocal clients
            clients = self._clients(db)
            return all(user != OUR_ROLE for _, user, *_ in clients)

        # A backend ends some time after its client: our own last statement's may still be there.
        with contextlib.suppress(WaitTimeoutError):
            wait_until(others_only, timeout_s=_LEAVE_S, what="our own connections end")
        if not clients:
            return
        who = "\n".join(
            f"  pid {pid}: {user} ({app or 'unnamed'}), {state}"
            for pid, user, app, state in clients
        )
        raise ServiceError(
            f'database "{db.name}" cannot be cloned: {len(clients)} connected to it',
            why=f"PostgreSQL copies a database only while nobody is connected.\n{who}",
            todo="Close these connections (`engine.dispose()`), or end them: `disconnect(db)`.",
        )

    def disconnect(self, db: OwnedDatabase) -> int:
        """End every connection to a database of ours; return how many there were."""
        self._require(db)
        clients = self._clients(db)
        for pid, *_ in clients:
            self.sql(None, f"SELECT pg_terminate_backend({int(pid)}, 5000)")
        return len(clients)

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
        if not self.where.password:
            raise ServiceError(
                "this PostgreSQL does not listen on TCP",
                why="Servers of a run are reached by unix sockets unless a client needs more.",
                todo="provision_postgres(…, listen_tcp=True)",
            )
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        secret = quote(self.where.password, safe="")
        return f"{scheme}://{db.user}:{secret}@127.0.0.1:{self.port}/{quote(db.name, safe='')}"

    def settings(self) -> dict[str, str]:
        """Return every setting that differs from PostgreSQL's default, and those that matter."""
        rows = self.sql(
            None,
            "SELECT name, current_setting(name) FROM pg_settings "
            "WHERE (setting IS DISTINCT FROM boot_val OR name IN ('fsync', 'synchronous_commit', "
            "'full_page_writes', 'autovacuum', 'shared_buffers', 'work_mem', "
            "'effective_cache_size', 'random_page_cost', 'max_connections', 'server_version')) "
            "AND name NOT IN ('jit', 'application_name', 'client_encoding') "
            "AND category NOT LIKE 'File Locations' AND name NOT LIKE '%socket%' "
            "UNION SELECT 'jit', CASE WHEN pg_jit_available() THEN 'on' ELSE 'off' END "
            "ORDER BY 1",
        )
        return {row[0]: row[1] for row in rows}


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace("'", "\\'")
