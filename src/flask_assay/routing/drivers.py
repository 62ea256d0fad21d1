"""Reroute connections that are made with psycopg or psycopg2 directly.

Each driver is changed where all of its ways in meet: ``psycopg2._connect`` under
``psycopg2.connect``, and the ``connect`` class methods under ``psycopg.connect`` and its pools.
A name that was bound before is rerouted too.
"""

import importlib
import importlib.util
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from flask_assay.routing.plan import RoutePlan
from flask_assay.routing.server_arguments import neutral

__all__ = ["DriverRouter"]


class DriverRouter:
    """Sends the drivers' connections to the plan's first database.

    A connection that leads to a database of the run already, as SQLAlchemy's do, passes through.

    Args:
        plan: Where to.
        more: Returns databases of this run that were made since the plan was.
    """

    def __init__(self, plan: RoutePlan, more: Callable[[], Collection[str]] = tuple) -> None:
        self.plan, self._more = plan, more
        self._restore: list[tuple[Any, str, Any]] = []

    def attach(self) -> None:
        """Patch the drivers that are installed; a second call changes nothing."""
        if self._restore:
            return
        if importlib.util.find_spec("psycopg2") is not None:
            self._attach_psycopg2(importlib.import_module("psycopg2"))
        if importlib.util.find_spec("psycopg") is not None:
            self._attach_psycopg(importlib.import_module("psycopg"))

    def detach(self) -> None:
        """Undo ``attach``; a second call changes nothing."""
        while self._restore:
            owner, name, original = self._restore.pop()
            setattr(owner, name, original)

    def _put(self, owner: Any, name: str, value: Any) -> None:
        self._restore.append((owner, name, vars(owner)[name]))
        setattr(owner, name, value)

    def _attach_psycopg2(self, module: Any) -> None:
        from psycopg2.extensions import make_dsn, parse_dsn

        original = module._connect

        def connect(dsn: str, *arguments: Any, **named: Any) -> Any:
            return original(make_dsn(**self.routed(parse_dsn(dsn))), *arguments, **named)

        self._put(module, "_connect", connect)

    def _attach_psycopg(self, module: Any) -> None:
        for kind in (module.Connection, module.AsyncConnection):
            self._put(kind, "connect", classmethod(self._class_connect(kind)))
        self._put(module, "connect", module.Connection.connect)

    def _class_connect(self, kind: Any) -> Any:
        from psycopg.conninfo import conninfo_to_dict

        original = vars(kind)["connect"].__func__
        own = inspect.signature(original).parameters.keys()

        def connect(cls: Any, conninfo: str = "", **named: Any) -> Any:
            asked = {name: value for name, value in named.items() if name not in own}
            kept = {name: value for name, value in named.items() if name in own}
            return original(cls, **self.routed(conninfo_to_dict(conninfo, **asked)), **kept)

        return connect

    def routed(self, asked: Mapping[str, Any]) -> dict[str, Any]:
        """Return the connection parameters to use in place of the app's."""
        if self.plan.leads_here(asked.get("host"), asked.get("dbname"), self._more()):
            return dict(asked)
        ours = {
            "host": self.plan.host,
            "port": self.plan.port,
            "user": self.plan.user,
            "dbname": self.plan.database,
        }
        secret = {"password": self.plan.password} if self.plan.password else {}
        return neutral(asked) | ours | secret
