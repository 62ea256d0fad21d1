"""settings: what the app and its server were started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.view import UnavailableError, View, artifact
from flask_assay.model.finding import Place

__all__ = ["Engine", "ServerSettings", "settings", "view_places"]


@dataclass(frozen=True, slots=True)
class Engine:
    """One SQLAlchemy engine."""

    bind: str
    pool_size: int | None
    max_overflow: int | None
    driver: str = ""

    @property
    def capacity(self) -> int | None:
        """Connections that may be open at once per process; None if there is no limit."""
        if self.pool_size is None or (self.max_overflow or 0) < 0:
            return None
        return self.pool_size + (self.max_overflow or 0)


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Server and app as they ran.

    Attributes:
        workers: Worker processes.
        threads: Threads of each.
        worker_class: "sync", "gthread", "gevent" …
        debug: Whether Flask's debug mode was on.
        engines: Of the app.
        max_connections: Of PostgreSQL; None if unknown.
        distributions: Installed ones, by name.
        is_configured: Whether the user gave the server settings; else they are its defaults.
        testing: Whether Flask's testing mode was on.
        places: Line of the user's files by setting ("pool_size", "threads"), where one is known.
    """

    workers: int
    threads: int
    worker_class: str
    debug: bool
    engines: tuple[Engine, ...]
    max_connections: int | None
    distributions: frozenset[str] = frozenset()
    is_configured: bool = True
    testing: bool = False
    places: Mapping[str, Place] = field(default_factory=dict)

    @property
    def fitting_pool_size(self) -> int:
        """Connections per process with which no thread would wait.

        Where threads have one each and still wait, requests take more than one: then twice as
        many as there are.
        """
        capacity = self.engines[0].capacity if self.engines else None
        if capacity is not None and capacity >= self.threads:
            return 2 * capacity
        return max(self.threads, 5)


@artifact("settings")
def settings(view: View) -> ServerSettings:
    """Return the settings.

    Raises:
        UnavailableError: If neither the server nor the app was described.
    """
    server, app = view.recording.document("server"), view.recording.document("app")
    if not server and not app:
        raise UnavailableError("the recording has neither server.json nor app.json")
    engines = app.get("engines")
    postgres = view.recording.document("environment").get("postgres")
    versions = view.recording.document("environment").get("versions")
    stated = postgres.get("settings") if isinstance(postgres, dict) else None
    limit = stated.get("max_connections") if isinstance(stated, dict) else None
    return ServerSettings(
        workers=_count(server.get("workers")) or 1,
        threads=_count(server.get("threads")) or 1,
        worker_class=str(server.get("worker_class") or "sync"),
        debug=bool(app.get("debug")),
        engines=tuple(
            Engine(
                str(engine.get("bind") or ""),
                _count(engine.get("pool_size")),
                _count(engine.get("max_overflow")),
                str(engine.get("driver") or ""),
            )
            for engine in (engines if isinstance(engines, list) else [])
            if isinstance(engine, dict)
        ),
        max_connections=_count(limit),
        distributions=frozenset(versions) if isinstance(versions, dict) else frozenset(),
        is_configured=bool(server.get("config_file", "?") or server.get("cmd_args")),
        testing=bool(app.get("testing")),
        places=_places(app.get("setting_places")),
    )


def _places(stated: object) -> dict[str, Place]:
    found = {}
    for name, about in stated.items() if isinstance(stated, dict) else ():
        if isinstance(about, dict) and about.get("file") and _count(about.get("line")):
            found[str(name)] = Place(str(about["file"]), _count(about["line"]) or 0)
    return found


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


@artifact("view-places")
def view_places(view: View) -> Mapping[str, Place]:
    """Return where each endpoint's view is defined; empty if the app was not described."""
    routes = view.recording.document("app").get("routes")
    found: dict[str, Place] = {}
    for route in routes if isinstance(routes, list) else []:
        about = route.get("view") if isinstance(route, dict) else None
        if isinstance(about, dict) and about.get("file") and _count(about.get("line")):
            place = Place(
                str(about["file"]), _count(about["line"]) or 0, str(about.get("function", ""))
            )
            found.setdefault(str(route.get("endpoint", "")), place)
    return found
