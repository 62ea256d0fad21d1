"""Links by driver, and the small things that the sandbox does with them."""

import sys
from types import FrameType
from typing import Any

from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.place import Place

__all__ = ["address", "from_psycopg_pool", "new_link"]


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
