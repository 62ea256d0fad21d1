"""Reroute SQLAlchemy engines, whenever and however the app makes them.

``create_engine`` is replaced under each of its names before the app is imported, so that even
an engine on SQLite or MySQL gets PostgreSQL's dialect. Engines made earlier, with ``creator=`` or
by code that bound the original name are caught at ``do_connect``, as long as their dialect fits.
"""

import hashlib
import importlib.util
from collections.abc import Callable, Mapping
from typing import Any

from flask_assay.routing.plan import RoutePlan
from flask_assay.routing.server_arguments import neutral

__all__ = ["EngineRouter", "installed_driver", "url_key", "without_foreign"]

# Of an engine on another kind of database, these are about that kind only.
_FOREIGN_ARGUMENTS = frozenset({"connect_args", "poolclass", "native_datetime", "creator"})
_POSTGRES_DRIVERS = ("psycopg2", "psycopg", "pg8000", "asyncpg")


def url_key(url: Any) -> str:
    """Return a short key by which two URLs of the same database are one.

    The name tells: the same one at another host or port is a replica or the way through a pooler,
    which would be without tables as a database of its own.

    Args:
        url: A ``sqlalchemy.engine.URL``.
    """
    place = url.database or f"{url.host}|{url.port}"
    return _digest(f"{url.get_backend_name()}|{place}")


class EngineRouter:
    """Sends every engine of this process to the plan's databases.

    Args:
        plan: Where to.
        on_new_database: Called with (key, plan) for a URL that the plan does not know; returns
            the database's name. None sends such URLs to the plan's first database.
    """

    def __init__(
        self, plan: RoutePlan, on_new_database: Callable[[str, RoutePlan], str] | None = None
    ) -> None:
        self.plan = plan
        self.databases: dict[str, str] = dict(plan.further)
        self._on_new_database = on_new_database
        self._restore: list[tuple[Any, str, Any]] = []

    def attach(self) -> None:
        """Patch SQLAlchemy, if it is installed; a second call changes nothing."""
        if self._restore or importlib.util.find_spec("sqlalchemy") is None:
            return
        import sqlalchemy
        from sqlalchemy import event
        from sqlalchemy.engine import Engine, create

        original = create.create_engine

        def create_engine(url: Any, **arguments: Any) -> Any:
            routed, kept = self.routed(sqlalchemy.engine.make_url(url), arguments)
            return original(routed, **kept)

        for module in (sqlalchemy, sqlalchemy.engine, create):
            self._restore.append((module, "create_engine", original))
            module.create_engine = create_engine  # type: ignore[attr-defined]
        event.listen(Engine, "do_connect", self._do_connect)

    def detach(self) -> None:
        """Undo ``attach``; a second call changes nothing."""
        if not self._restore:
            return
        from sqlalchemy import event
        from sqlalchemy.engine import Engine

        event.remove(Engine, "do_connect", self._do_connect)
        while self._restore:
            module, name, original = self._restore.pop()
            setattr(module, name, original)

    def routed(self, url: Any, arguments: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Return the URL and engine arguments to use in place of the app's."""
        was_postgres = url.get_backend_name() == "postgresql"
        if was_postgres and self._is_ours(url.host or url.query.get("host"), url.database):
            self.databases.setdefault(self._key(url), url.database)
            return url, arguments
        routed = self._url(url, self._database(url))
        kept = dict(arguments)
        if not was_postgres:
            kept = without_foreign(kept)
        kept.pop("creator", None)
        if isinstance(kept.get("connect_args"), dict):
            kept["connect_args"] = neutral(kept["connect_args"])
        return routed, kept

    def _is_ours(self, host: object, database: object) -> bool:
        return self.plan.leads_here(host, database, self.databases.values())

    def _key(self, url: Any) -> str:
        """Return the same key for a URL whichever copy of the app's databases the plan names.

        A database of this run is told by its server: the app may have one of that name, which is
        another.
        """
        if str(url.host or url.query.get("host") or "") == self.plan.host:
            return _digest(f"of this run|{url.database}")
        return url_key(url)

    def _database(self, url: Any) -> str:
        key = self._key(url)
        if key not in self.databases:
            if not self.databases:
                self.databases[key] = self.plan.database
            elif self._on_new_database is None:
                return self.plan.database
            else:
                self.databases[key] = self._on_new_database(key, self.plan)
        return self.databases[key]

    def _url(self, url: Any, database: str) -> Any:
        from sqlalchemy.engine import URL

        query = neutral(url.query)
        is_socket = self.plan.host.startswith("/")
        if url.get_backend_name() != "postgresql":
            query = {}
        if is_socket and _driver(url) == "pg8000":
            query["unix_sock"] = f"{self.plan.host}/.s.PGSQL.{self.plan.port}"
        elif is_socket:
            query["host"] = self.plan.host
            query["port"] = str(self.plan.port)
        return URL.create(
            f"postgresql+{_driver(url)}",
            username=self.plan.user,
            password=self.plan.password or None,
            host=None if is_socket else self.plan.host,
            port=None if is_socket else self.plan.port,
            database=database,
            query=query,
        )

    def _do_connect(self, dialect: Any, record: Any, cargs: Any, cparams: Any) -> None:
        if dialect.name != "postgresql":
            return
        database = cparams.get("dbname") or cparams.get("database")
        if self._is_ours(cparams.get("host"), database):
            return
        kept = neutral(cparams)
        cparams.clear()
        cparams.update(kept)
        cparams.update(host=self.plan.host, port=self.plan.port, user=self.plan.user)
        cparams["database" if dialect.driver in {"pg8000", "asyncpg"} else "dbname"] = (
            self.plan.database
        )
        if self.plan.password:
            cparams["password"] = self.plan.password


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def without_foreign(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return an engine's arguments without those that are about another kind of database."""
    return {name: value for name, value in arguments.items() if name not in _FOREIGN_ARGUMENTS}


def installed_driver() -> str:
    """Return SQLAlchemy's name of a driver for PostgreSQL that is installed."""
    found = (name for name in _POSTGRES_DRIVERS if importlib.util.find_spec(name))
    return next(found, "psycopg2")


def _driver(url: Any) -> str:
    """Return the app's own driver if it is one for PostgreSQL, else an installed one."""
    named = str(url.drivername.partition("+")[2])
    return named if named and url.get_backend_name() == "postgresql" else installed_driver()
