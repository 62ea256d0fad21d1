"""Links by driver, and the small things that the sandbox does with them."""

import sys
from collections.abc import Iterable, MutableSet
from contextlib import suppress
from types import FrameType
from typing import Any

from flask_assay.routing.server_arguments import neutral
from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.link import Link
from flask_assay.sandbox.place import Place
from flask_assay.sandbox.signals import GearChangeError

__all__ = [
    "address",
    "close_all",
    "from_psycopg_pool",
    "has_shared_rows",
    "is_touched",
    "new_link",
    "real_arguments",
    "stands_alone",
    "template_for",
]


def new_link(driver: str, place: Place, template: Template, connect: Any) -> Any:
    """Return a link for a driver, not connected yet."""
    if driver == "psycopg2":
        from flask_assay.sandbox.drivers.psycopg2_link import Psycopg2Link

        return Psycopg2Link(place, template.facts.link, connect)
    from flask_assay.sandbox.drivers.psycopg3_link import Psycopg3Link

    return Psycopg3Link(place, template.facts.link, connect)


def address(source: dict[str, Any]) -> str:
    """Return what tells one database of the app's from another.

    Example:
        >>> address({"host": "db", "dbname": "shop"})
        'db:5432/shop'
    """
    host = source.get("host") or "localhost"
    port = source.get("port") or 5432
    return f"{host}:{port}/{source.get('dbname') or source.get('database') or ''}"


def template_for(source: dict[str, Any], templates: dict[str, Template]) -> Template:
    """Return the template of what an app asked for: by address, by name, or else the first."""
    found = templates.get(address(source))
    if found is not None:
        return found
    database = str(source.get("dbname") or source.get("database") or "")
    named = (one for one in templates.values() if one.key.endswith(f"/{database}"))
    return next(named, next(iter(templates.values())))


def close_all(connections: MutableSet[Any]) -> None:
    """Close connections or sessions, whatever their state, and forget them."""
    for connection in list(connections):
        with suppress(Exception, GearChangeError):
            connection.close()
    connections.clear()


def real_arguments(driver: str, source: dict[str, Any], place: Place) -> dict[str, Any]:
    """Return what to call a driver's own connect function with, for a clone."""
    kept = {name: value for name, value in neutral(source).items() if value is not None}
    factory = kept.pop("connection_factory", None)
    if factory is not None and driver == "psycopg2":
        kept["connection_factory"] = factory
    options = place.options(str(kept.pop("options", "")))
    return {**kept, **place.parameters(), **({"options": options} if options else {})}


def from_psycopg_pool() -> bool:
    """Whether ``psycopg_pool`` asks for the connection."""
    frame: FrameType | None = sys._getframe(2)
    for _ in range(12):
        if frame is None:
            return False
        if str(frame.f_globals.get("__name__", "")).startswith("psycopg_pool"):
            return True
        frame = frame.f_back
    return False


def is_touched(links: Iterable[Link]) -> bool:
    """Whether the test that runs has used a database."""
    return any(link.universe.scopes[-1].touched for link in links)


def stands_alone(links: Iterable[Link]) -> bool:
    """Whether nothing below the test that runs has used a database."""
    # The first statement touches every scope; with a savepoint, if some were touched before.
    many = [link.universe.scopes for link in links]
    return not any(s[-1].mark if s[-1].touched else any(x.touched for x in s) for s in many)


def has_shared_rows(links: Iterable[Link]) -> bool:
    """Whether anything below the test has used a database."""
    return any(scope.touched for link in links for scope in link.universe.scopes[:-1])
