"""One Valkey per worker; every redis-py client of the process reaches it."""

import base64
import json
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from flask_assay.errors import MissingExtraError
from flask_assay.routing.plan import RoutePlan
from flask_assay.routing.redis import RedisRouter
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey

__all__ = ["RedisServer"]

KEPT = 8
"""Files with base data kept per user; older ones make room."""


class _Entry(NamedTuple):
    """One key of the base data.

    Attributes:
        database: Its number.
        key: As the server has it.
        lifetime_ms: Milliseconds that it has to live; 0 for ever.
        dump: What ``DUMP`` says.
    """

    database: int
    key: bytes
    lifetime_ms: int
    dump: bytes


class RedisServer:
    """A server of this worker's own, with the process's clients rerouted to it.

    Args:
        supervisor: Of this process's run.

    Attributes:
        client: A client of the first database; its ``database(3)`` is one of another.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._router: RedisRouter | None = None
        self._base: list[_Entry] = []
        self._is_used = False
        self._original: Any = None
        self.client: Any = None
        self._others: dict[int, Any] = {}

    def __enter__(self) -> Self:
        try:
            import redis
        except ImportError:
            raise MissingExtraError("redis", extra="test", purpose="use assay_redis") from None
        self._server = provision_valkey(self._supervisor)
        path = str(self._server.socket_path)
        plan = RoutePlan(host="", port=0, user="", database="", redis_path=path)
        self._router = RedisRouter(plan)
        self._router.attach()
        self._listen()
        self.client = redis.Redis(unix_socket_path=path)
        self.client.database = self._database
        return self

    def _database(self, number: int) -> Any:
        """Return a client of one of the server's databases, for apps that use several."""
        if number not in self._others:
            import redis

            path = str(self._server.socket_path)
            self._others[number] = redis.Redis(unix_socket_path=path, db=number)
        return self._others[number]

    def _listen(self) -> None:
        """Notice use without asking the server."""
        owner = self._owner()
        self._original = original = owner.send_packed_command

        def send_packed_command(connection: Any, *args: Any, **named: Any) -> Any:
            self._is_used = True
            return original(connection, *args, **named)

        owner.send_packed_command = send_packed_command

    @staticmethod
    def _owner() -> Any:
        from redis import connection

        return getattr(connection, "AbstractConnection", connection.Connection)

    def empty(self) -> None:
        """Go back to the base data, if anything was sent to the server."""
        if self._is_used:
            self._restore()

    def _restore(self) -> None:
        with self.client.pipeline(transaction=False) as pipeline:
            pipeline.flushall()
            pipeline.script_flush()
            for one in self._base:
                pipeline.execute_command("SELECT", one.database)
                pipeline.restore(one.key, one.lifetime_ms, one.dump, replace=True)
            if self._base:
                pipeline.execute_command("SELECT", 0)
            pipeline.execute()
        self._is_used = False

    def learn_base(self, path: Path) -> None:
        """Take what is there for the base data, and keep it for the runs to come.

        Args:
            path: A file that belongs to the template's hash.
        """
        self._base = list(self._entries())
        rows = [
            [one.database, _text(one.key), one.lifetime_ms, _text(one.dump)] for one in self._base
        ]
        beside = path.with_name(f"{path.name}.{self._supervisor.run.run_id}")
        beside.write_text(json.dumps(rows))
        beside.replace(path)
        found = sorted(path.parent.glob("redis-*.json"), key=lambda one: one.stat().st_mtime)
        for old in found[:-KEPT]:
            old.unlink(missing_ok=True)

    def load_base(self, path: Path) -> None:
        """Begin with the base data that an earlier run kept."""
        if path.exists():
            self._base = [
                _Entry(database, _bytes(key), lifetime_ms, _bytes(dump))
                for database, key, lifetime_ms, dump in json.loads(path.read_text())
            ]
        self._restore()

    def _entries(self) -> Any:
        for name in self.client.info("keyspace"):
            database = int(name.removeprefix("db"))
            self.client.execute_command("SELECT", database)
            for key in self.client.scan_iter(count=1000):
                lifetime_ms = max(0, self.client.pttl(key))
                yield _Entry(database, key, lifetime_ms, self.client.dump(key))
        self.client.execute_command("SELECT", 0)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._owner().send_packed_command = self._original
        for client in (self.client, *self._others.values()):
            client.close()
        if self._router is not None:
            self._router.detach()
        self._server.stop()


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
