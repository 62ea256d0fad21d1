"""One Valkey per worker; every redis-py client of the process reaches it."""

from types import TracebackType
from typing import Any, Self

from flask_assay.errors import MissingExtraError
from flask_assay.routing.plan import RoutePlan
from flask_assay.routing.redis import RedisRouter
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey

__all__ = ["RedisServer"]


class RedisServer:
    """A server of this worker's own, with the process's clients rerouted to it.

    Args:
        supervisor: Of this process's run.
    """

    def __init__(self, supervisor: Supervisor) -> None:
        self._supervisor = supervisor
        self._router: RedisRouter | None = None
        self.client: Any = None

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
        self.client = redis.Redis(unix_socket_path=path)
        return self

    def empty(self) -> None:
        """Remove every key, if anything was sent to the server."""
        if self.client.info("stats")["total_commands_processed"]:
            self.client.flushall()
            self.client.script_flush()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.client.close()
        if self._router is not None:
            self._router.detach()
        self._server.stop()
