"""Our own connections to the server: clones, drops, facts.  Nothing of an app's runs here.

Whatever is destructive takes an ``OwnedDatabase`` of this run and checks that it is one.
"""

import re
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from flask_assay.errors import NotOursError
from flask_assay.model.owned import OwnedDatabase
from flask_assay.sandbox.crashes import wait_until_noticed
from flask_assay.sandbox.place import Place
from flask_assay.services.ownership import Server, marker_sql, prove
from flask_assay.services.waiting import wait_until

__all__ = ["Admin", "ServerAddress"]

_MAINTENANCE = "postgres"
# The last is said to whom PostgreSQL had accepted as it began to restart.
_RECOVERING = re.compile(
    "starting up|not yet accepting|recovery mode|shutting down|server closed the connection"
)
RECOVERY_S = 60.0
"""How long PostgreSQL may take to restart its processes after one of them was killed."""


@dataclass(frozen=True, slots=True)
class ServerAddress:
    """A server of this run, as a worker process knows it.

    Attributes:
        socket_dir: Directory of its unix socket.
        port: Part of the socket's name.
        nonce: The run's secret, which its databases carry.
        system_identifier: Of its cluster.
        run_id: For names.
        our_role: Superuser role that clones and drops.
        lock_wait_s: How long a test's statement may wait for a lock; 0 waits for ever.
    """

    socket_dir: str
    port: int
    nonce: str
    system_identifier: str
    run_id: str
    our_role: str = "assay"
    lock_wait_s: float = 20.0

    def database(self, name: str, user: str = "assay_app") -> OwnedDatabase:
        """Return the proof for a database that this run made."""
        return OwnedDatabase(
            name=name,
            socket_dir=Path(self.socket_dir),
            host="",
            port=self.port,
            system_identifier=self.system_identifier,
            nonce=self.nonce,
            user=user,
        )

    def place(self, db: OwnedDatabase) -> Place:
        """Return where the app's role finds it."""
        return Place(str(db.socket_dir), db.port, db.name, db.user, lock_wait_s=self.lock_wait_s)

    @property
    def is_gone(self) -> bool:
        """Whether nobody listens any more; a server that recovers from a crash does."""
        with socket.socket(socket.AF_UNIX) as client:
            try:
                client.connect(f"{self.socket_dir}/.s.PGSQL.{self.port}")
            except (ConnectionRefusedError, FileNotFoundError):
                return True
        return False


class Admin:
    """Creates, resets and drops databases of one run; one connection, opened on first use.

    Args:
        server: The run's server.
        connect: The driver's own connect function, untouched by the sandbox.
    """

    def __init__(self, server: ServerAddress, connect: Callable[..., Any]) -> None:
        self.server, self._connect = server, connect
        self._lock = threading.Lock()
        self._connection: Any = None

    def connect(self, database: str) -> Any:
        """Return a new autocommit connection as our role; waits for a server that recovers."""
        attempt = partial(
            self._connect,
            host=self.server.socket_dir,
            port=str(self.server.port),
            dbname=database,
            user=self.server.our_role,
            application_name="assay:admin",
        )
        connection = wait_until(
            lambda: _unless_recovering(attempt),
            timeout_s=RECOVERY_S,
            what="the server recovers from a crash",
        )
        connection.autocommit = True
        return connection

    def settle(self) -> None:
        """Wait for a server that lost one of its processes: until it knows, and has recovered."""
        wait_until_noticed(self.server.socket_dir, self.server.port)
        with suppress(Exception):  # it does not come back: who needs it will be told
            self.connect(_MAINTENANCE).close()

    def run(self, text: str) -> list[tuple[Any, ...]]:
        """Run one statement in the maintenance database; return its rows, if it has any."""
        with self._lock:
            try:
                return self._run(text)
            except Exception:
                if self._connection is None or not self._connection.closed:
                    raise
                return self._run(text)  # the server ended the connection: it has restarted

    def _run(self, text: str) -> list[tuple[Any, ...]]:
        if self._connection is None or self._connection.closed:
            self._connection = self.connect(_MAINTENANCE)
        with self._connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall()) if cursor.description else []

    def query(self, db: OwnedDatabase, text: str) -> list[tuple[Any, ...]]:
        """Run one statement in a database of ours, on a connection for just that."""
        self._require(db)
        connection = self.connect(db.name)
        try:
            with connection.cursor() as cursor:
                cursor.execute(text)
                return list(cursor.fetchall()) if cursor.description else []
        finally:
            connection.close()

    def _require(self, db: OwnedDatabase) -> None:
        server = self.server
        mine = (server.nonce, server.system_identifier, server.socket_dir, server.port)
        if (db.nonce, db.system_identifier, str(db.socket_dir), db.port) != mine:
            raise NotOursError(
                f'database "{db.name}" is not this run\'s',
                why="The sandbox clones, resets and drops only what its own run made.",
            )

    def prove(self, db: OwnedDatabase) -> None:
        """Check on a live connection that a database is this run's.

        Raises:
            NotOursError: It is not; the message says why.
        """
        connection = self.connect(db.name)

        def query(text: str) -> list[tuple[Any, ...]]:
            with connection.cursor() as cursor:
                cursor.execute(text)
                return list(cursor.fetchall())

        server = self.server
        identity = Server(
            Path(server.socket_dir), server.port, server.system_identifier, server.nonce
        )
        try:
            prove(query, identity, host=server.socket_dir)
        finally:
            connection.close()

    def create(self, name: str) -> OwnedDatabase:
        """Make an empty database of the app's role, marked as ours."""
        db = self.server.database(name)
        self.run(f"CREATE DATABASE {_quoted(name)} OWNER {_quoted(db.user)}")
        self.query(db, marker_sql(self.server.nonce, self.server.run_id))
        return db

    def clone(self, template: OwnedDatabase, name: str, *, strategy: str = "") -> OwnedDatabase:
        """Copy a template that nobody is connected to."""
        self._require(template)
        how = f" STRATEGY {strategy}" if strategy else ""
        self.run(
            f"CREATE DATABASE {_quoted(name)} OWNER {_quoted(template.user)} "
            f"TEMPLATE {_quoted(template.name)}{how}"
        )
        return replace(template, name=name)

    def drop(self, db: OwnedDatabase) -> None:
        """Drop a database of ours, connections or not. Idempotent."""
        self._require(db)
        # A transaction that was prepared and left outlives its connection, and forbids the drop.
        left = self.run("SELECT quote_literal(gid), database FROM pg_prepared_xacts")
        for transaction, database in left:
            if database == db.name:
                self.query(db, f"ROLLBACK PREPARED {transaction}")
        self.run(f"DROP DATABASE IF EXISTS {_quoted(db.name)} WITH (FORCE)")

    def close(self) -> None:
        """Close our connection. Idempotent."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _unless_recovering(connect: Callable[[], Any]) -> Any:
    try:
        return connect()
    except Exception as error:
        if _RECOVERING.search(str(error)):
            return None
        raise


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
