"""Reroute connections that are made with psycopg or psycopg2 directly."""

import importlib
import importlib.util
from typing import Any

from flask_assay.routing.plan import RoutePlan

__all__ = ["DriverRouter"]


class DriverRouter:
    """Sends ``psycopg.connect`` and ``psycopg2.connect`` to the plan's first database.

    SQLAlchemy's own calls arrive with our host already and pass through.
    """

    def __init__(self, plan: RoutePlan) -> None:
        self.plan = plan
        self._restore: list[tuple[Any, Any]] = []

    def attach(self) -> None:
        """Patch the drivers that are installed; a second call changes nothing."""
        if self._restore:
            return
        for name in ("psycopg2", "psycopg"):
            if importlib.util.find_spec(name) is not None:
                module = importlib.import_module(name)
                self._restore.append((module, module.connect))
                module.connect = self._routed(module.connect)  # type: ignore[attr-defined]

    def detach(self) -> None:
        """Undo ``attach``; a second call changes nothing."""
        while self._restore:
            module, original = self._restore.pop()
            module.connect = original

    def _routed(self, original: Any) -> Any:
        def connect(*arguments: Any, **named: Any) -> Any:
            dsn = str(arguments[0]) if arguments else str(named.get("dsn", ""))
            if str(named.get("host", "")) == self.plan.host or self.plan.host in dsn:
                return original(*arguments, **named)
            kept = {
                name: value
                for name, value in named.items()
                if name in {"cursor_factory", "connection_factory", "autocommit", "row_factory"}
            }
            return original(
                host=self.plan.host,
                port=self.plan.port,
                user=self.plan.user,
                dbname=self.plan.database,
                **({"password": self.plan.password} if self.plan.password else {}),
                **kept,
            )

        return connect
