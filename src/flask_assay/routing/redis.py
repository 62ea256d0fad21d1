"""Reroute redis-py clients: Flask-Caching, Flask-Limiter, Celery and plain ``redis`` alike.

Every client ends at ``_connect`` of its connection class, whatever URL it was given; the socket
made there is ours. The database number is kept unless the plan names the only one that may be
used; the app's credentials are dropped.
"""

import importlib.util
import socket
from typing import Any

from flask_assay.routing.plan import RoutePlan

__all__ = ["RedisRouter"]


class RedisRouter:
    """Sends every redis-py connection of this process to the plan's Redis server."""

    def __init__(self, plan: RoutePlan) -> None:
        self.plan = plan
        self._restore: list[tuple[Any, Any]] = []

    def attach(self) -> None:
        """Patch redis-py, if it is installed and the plan has a server."""
        has_server = self.plan.redis_path or self.plan.redis_host
        if self._restore or not has_server or importlib.util.find_spec("redis") is None:
            return
        from redis import connection

        names = ("Connection", "SSLConnection", "UnixDomainSocketConnection")
        for name in names:
            kind = getattr(connection, name, None)
            if kind is not None and "_connect" in vars(kind):
                self._restore.append((kind, kind._connect))
                kind._connect = self._connect()

    def detach(self) -> None:
        """Undo ``attach``; a second call changes nothing."""
        while self._restore:
            kind, original = self._restore.pop()
            kind._connect = original

    def _connect(self) -> Any:
        plan = self.plan

        def connect(client: Any) -> socket.socket:
            client.username = plan.redis_user or None
            client.password = plan.redis_password or None
            if plan.redis_database is not None:
                client.db = plan.redis_database
            if getattr(client, "credential_provider", None) is not None:
                client.credential_provider = None
            timeout = getattr(client, "socket_connect_timeout", None)
            if plan.redis_path:
                made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
                made.settimeout(timeout)
                made.connect(plan.redis_path)
            else:
                made = socket.create_connection((plan.redis_host, plan.redis_port), timeout)
            made.settimeout(getattr(client, "socket_timeout", None))
            return made

        return connect
