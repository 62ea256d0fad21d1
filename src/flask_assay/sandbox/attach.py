"""Where an app's connections are caught, whenever and however it makes them.

* ``create_engine``: an engine on another kind of database gets PostgreSQL's dialect.
* ``do_connect`` on SQLAlchemy's ``Engine`` *class*: every engine, also those made earlier.
* the pool's ``checkout``: a pooled connection of another gear or database is replaced.
* ``psycopg2.connect``, ``psycopg.connect``, ``psycopg.Connection.connect`` and its async twin,
  ``asyncpg.connect``.

``attach`` patches, ``detach`` undoes; both idempotent.
"""

import importlib
import importlib.util
import re
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from types import FrameType
from typing import Any, Protocol
from urllib.parse import urlsplit

from flask_assay.errors import AssayError, UsageError
from flask_assay.routing.server_arguments import neutral
from flask_assay.sandbox.foreign_engines import patched_create_engine
from flask_assay.sandbox.links import real_arguments
from flask_assay.sandbox.on_import import on_import
from flask_assay.sandbox.pings import patched_pings
from flask_assay.sandbox.place import Place
from flask_assay.sandbox.rebuilds import patched_rebuilds

__all__ = ["Attachment", "Target", "startup_settings"]

_IGNORED = frozenset(
    {"application_name", "connect_timeout", "keepalives", "fallback_application_name"}
)
_DRIVERS = ("psycopg2", "psycopg")
_OPTION = re.compile(r"^(?:-c\s*|--)([\w.]+)=(.*)$", re.DOTALL)


class Target(Protocol):
    """Who decides what an app's connection becomes."""

    @property
    def epoch(self) -> object:
        """Changes whenever pooled connections become useless."""
        ...

    def connect(self, driver: str, source: "dict[str, Any]", *, is_pooled: bool) -> Any:
        """Return a connection for an app that asked for `source`."""
        ...

    def place(self, source: "dict[str, Any]") -> Place:
        """Return where a connection for `source` goes."""
        ...

    def used_session(self, session: Any) -> None:
        """Note an SQLAlchemy session that began a transaction."""
        ...

    def is_current(self, connection: Any) -> bool:
        """Whether a pooled connection may be used."""
        ...

    def checked_out(self, connection: Any) -> None:
        """Note that a connection was handed to the app."""
        ...

    def rebuilt(self, name: str, metadata: Any, arguments: "dict[str, Any]") -> bool:
        """Whether ``create_all`` or ``drop_all`` has nothing left to do."""
        ...


def startup_settings(parameters: dict[str, Any]) -> dict[str, str]:
    """Return the settings that connection parameters ask for, as statements.

    Example:
        >>> startup_settings({"options": "-c search_path=tenant"})
        {'search_path': 'SET search_path TO tenant'}
    """
    found: dict[str, str] = {}
    words = shlex.split(str(parameters.get("options") or ""))
    joined: list[str] = []
    for word in words:
        if joined and joined[-1] == "-c":
            joined[-1] = f"-c {word}"
        else:
            joined.append(word)
    for word in joined:
        match = _OPTION.match(word)
        if match and match.group(1) not in _IGNORED:
            found[match.group(1)] = f"SET {match.group(1)} TO {_value(match)}"
    if parameters.get("client_encoding"):
        found["client_encoding"] = f"SET client_encoding TO '{parameters['client_encoding']}'"
    return found


def _value(match: re.Match[str]) -> str:
    name, value = match.groups()
    if name == "search_path":
        return str(value)
    return "'" + value.replace("'", "''") + "'"


class Attachment:
    """All the places where connections are caught, for one target at a time.

    Attributes:
        originals: What the drivers' connect functions were.
        rebuilds: How many calls of ``create_all`` and ``drop_all`` needed no DDL.
    """

    def __init__(self) -> None:
        self._target: Target | None = None
        self._patches: list[Any] = []
        self._undo: list[Callable[[], None]] = []
        self.originals: dict[str, Callable[..., Any]] = {}
        self.rebuilds = 0
        self._rerouted: set[tuple[str, str]] = set()

    @property
    def target(self) -> Target:
        """Who decides."""
        if self._target is None:
            raise UsageError("the sandbox is not attached")
        return self._target

    def attach(self, target: Target) -> None:
        """Patch what is imported, and the rest as soon as it is; idempotent for one target.

        Raises:
            UsageError: It is attached to another target.
        """
        if self._target is target:
            return
        if self._target is not None:
            raise UsageError("the sandbox is attached already", todo="Detach it first.")
        self._target = target
        for name, patch in (
            ("psycopg2", self._attach_psycopg2),
            ("psycopg", self._attach_psycopg),
            ("asyncpg", self._attach_asyncpg),
            ("sqlalchemy", self._attach_sqlalchemy),
        ):
            self._undo.append(on_import(name, patch))

    def own_connect(self) -> Callable[..., Any]:
        """Return a driver's own connect function, for connections that are not the app's.

        Raises:
            AssayError: No driver is installed.
        """
        for name in _DRIVERS:
            if name in self.originals:
                return self.originals[name]
        for name in _DRIVERS:
            if importlib.util.find_spec(name) is not None:
                importlib.import_module(name)
                return self.originals[name]
        raise AssayError(
            "no PostgreSQL driver is installed",
            why="The sandbox stands on psycopg 3 or psycopg2.",
            todo="pip install 'psycopg[binary]'",
        )

    @contextmanager
    def aimed_at(self, target: Target) -> Iterator[None]:
        """Let another target decide for a while; attached only that long if it was not."""
        previous = self._target
        if previous is None:
            self.attach(target)
        self._target = target
        try:
            yield
        finally:
            self._target = previous
            if previous is None:
                self.detach()

    def detach(self) -> None:
        """Undo everything; idempotent."""
        while self._undo:
            self._undo.pop()()
        self._target = None

    def _replace(self, owner: Any, name: str, value: Any) -> None:
        original = owner.__dict__[name]
        setattr(owner, name, value)
        self._undo.append(lambda: setattr(owner, name, original))

    def _attach_psycopg2(self) -> None:
        import psycopg2

        from flask_assay.sandbox.drivers.psycopg2_patches import Psycopg2Patches

        patches = Psycopg2Patches()
        patches.attach()
        self._undo.append(patches.detach)
        original = self.originals["psycopg2"] = psycopg2.connect

        def connect(
            dsn: str | None = None,
            connection_factory: Any = None,
            cursor_factory: Any = None,
            **named: Any,
        ) -> Any:
            source = {**(psycopg2.extensions.parse_dsn(dsn) if dsn else {}), **named}
            source |= {
                "cursor_factory": cursor_factory,
                "connection_factory": connection_factory,
            }
            return self.target.connect("psycopg2", source, is_pooled=_in_pool())

        connect.__wrapped__ = original  # type: ignore[attr-defined]  # as functools.wraps does
        self._replace(psycopg2, "connect", connect)

    def _attach_psycopg(self) -> None:
        import psycopg

        from flask_assay.sandbox.drivers.psycopg3_patches import Psycopg3Patches

        patches = Psycopg3Patches()
        patches.attach()
        self._undo.append(patches.detach)
        original = psycopg.Connection.__dict__["connect"]
        function = original.__func__
        self.originals["psycopg"] = lambda **named: function(psycopg.Connection, **named)

        def connect(cls: Any, conninfo: str = "", **named: Any) -> Any:
            known = psycopg.conninfo.conninfo_to_dict(conninfo) if conninfo else {}
            source = {**known, **named}
            if cls is not psycopg.Connection:
                source["connection_factory"] = cls
            return self.target.connect("psycopg", source, is_pooled=_in_pool())

        self._replace(psycopg.Connection, "connect", classmethod(connect))  # type: ignore[arg-type]  # cls by position
        self._replace(psycopg, "connect", psycopg.Connection.connect)
        self._attach_psycopg_async()

    def _attach_psycopg_async(self) -> None:
        import psycopg

        original = psycopg.AsyncConnection.__dict__["connect"].__func__

        async def connect(cls: Any, conninfo: str = "", **named: Any) -> Any:
            known = psycopg.conninfo.conninfo_to_dict(conninfo) if conninfo else {}
            source = {**known, **named}
            if (source.get("host"), source.get("dbname")) not in self._rerouted:
                self.target.connect("psycopg_async", source, is_pooled=False)
                source = real_arguments("psycopg", source, self.target.place(source))
            return await original(cls, **source)

        self._replace(psycopg.AsyncConnection, "connect", classmethod(connect))  # type: ignore[arg-type]  # cls by position

    def _attach_asyncpg(self) -> None:
        import asyncpg  # type: ignore[import-not-found, import-untyped, unused-ignore]  # the app's

        original = asyncpg.connection.connect

        async def connect(dsn: str | None = None, **named: Any) -> Any:
            if (named.get("host"), named.get("database")) not in self._rerouted:
                source = {"dbname": urlsplit(dsn or "").path.strip("/"), **named}
                self.target.connect("asyncpg", source, is_pooled=False)
                place, dsn = self.target.place(source), None
                named = {**neutral(named), "host": place.host, "port": place.port}
                named |= {"user": place.user, "database": place.database}
            return await original(dsn, **named)

        self._replace(asyncpg.connection, "connect", connect)
        self._replace(asyncpg, "connect", connect)

    def _attach_sqlalchemy(self) -> None:
        from sqlalchemy import event
        from sqlalchemy.engine import Engine
        from sqlalchemy.orm import Session
        from sqlalchemy.pool import Pool

        for owner, name, listener in (
            (Engine, "do_connect", self._do_connect),
            (Pool, "checkout", self._checkout),
            (Session, "after_begin", self._after_begin),
        ):
            event.listen(owner, name, listener)
            self._undo.append(partial(event.remove, owner, name, listener))
        for owner, name, value in patched_create_engine(lambda: self._target is not None):
            self._replace(owner, name, value)
        for owner, name, value in patched_pings(self._is_current):
            self._replace(owner, name, value)
        for owner, name, value in patched_rebuilds(self._rebuilt):
            self._replace(owner, name, value)

    def _do_connect(self, dialect: Any, _record: Any, cargs: Any, cparams: Any) -> Any:
        if dialect.name != "postgresql":
            return None
        source = dict(cparams)
        if dialect.driver in {"psycopg2", "psycopg"} and not dialect.is_async:
            if cargs:
                source |= _parsed(str(cargs[0]))
            return self.target.connect(dialect.driver, source, is_pooled=True)
        return self._other_driver(dialect, cargs, cparams)

    def _checkout(self, dbapi_connection: Any, _record: Any, _proxy: Any) -> None:
        if not self.target.is_current(dbapi_connection):
            from sqlalchemy import exc

            raise exc.DisconnectionError("the connection belongs to another test's database")
        self.target.checked_out(dbapi_connection)

    def _is_current(self, dbapi_connection: Any) -> bool:
        """Ask the target of the moment: it changes while a template is built."""
        return self.target.is_current(dbapi_connection)

    def _rebuilt(self, name: str, metadata: Any, arguments: dict[str, Any]) -> bool:
        is_done = self.target.rebuilt(name, metadata, arguments)
        self.rebuilds += is_done
        return is_done

    def _after_begin(self, session: Any, _transaction: Any, _connection: Any) -> None:
        self.target.used_session(session)

    def _other_driver(self, dialect: Any, cargs: Any, cparams: Any) -> Any:
        """Send a driver that we cannot sandbox to a clone."""
        source = dict(cparams)
        is_psycopg = str(dialect.driver).startswith("psycopg")
        driver = "psycopg_async" if is_psycopg else str(dialect.driver)
        self.target.connect(driver, source, is_pooled=True)
        place = self.target.place(source)
        kept = neutral(cparams)
        cparams.clear()
        name = "dbname" if is_psycopg else "database"
        cparams.update(kept, user=place.user, **{name: place.database})
        self._rerouted.add((place.host, place.database))
        if dialect.driver == "pg8000":
            cparams["unix_sock"] = f"{place.host}/.s.PGSQL.{place.port}"
        else:
            cparams.update(host=place.host, port=place.port)


def _parsed(dsn: str) -> dict[str, Any]:
    from psycopg2.extensions import parse_dsn

    return dict(parse_dsn(dsn))


def _in_pool() -> bool:
    """Whether SQLAlchemy's pool asks, through an engine's ``creator=``."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(12):
        if frame is None:
            return False
        if frame.f_globals.get("__name__") == "sqlalchemy.pool.base":
            return True
        frame = frame.f_back
    return False
