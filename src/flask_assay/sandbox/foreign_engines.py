"""An engine on SQLite or MySQL becomes one on PostgreSQL, before anything is written to its file.

``create_engine`` is replaced under each of its names, because an engine's dialect is chosen there
and can not be changed when it connects. Where the connection leads is decided then, as for others.
For the same reason a URL that names no driver gets one that is installed.
"""

import importlib.util
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath
from typing import Any

from flask_assay.routing.engines import installed_driver, without_foreign

__all__ = ["patched_create_engine", "placeholder_url"]

_HOST = "sandbox.assay.invalid"


def placeholder_url(database: str = "app") -> str:
    """Return a URL that chooses the dialect; where it leads is decided at connect time.

    Args:
        database: What tells the app's databases from one another.
    """
    return f"postgresql+{installed_driver()}://assay@{_HOST}/{database}"


def patched_create_engine(is_attached: Callable[[], bool]) -> Iterator[tuple[Any, str, Any]]:
    """Yield what to replace: owner, name and the value to put there.

    Args:
        is_attached: Whether connections are caught now. A module that imported the function by
            its name keeps it, and may belong to a test that wants none of this.
    """
    import sqlalchemy
    from sqlalchemy.engine import create

    original = create.create_engine

    def create_engine(url: Any, **arguments: Any) -> Any:
        asked = sqlalchemy.engine.make_url(url)
        if not is_attached() or asked.get_dialect().is_async:  # no driver of the sandbox is
            return original(url, **arguments)
        if asked.get_backend_name() == "postgresql":
            return original(_with_driver(asked), **arguments)
        # The directory is left out: it differs between checkouts that share a template.
        name = re.sub(r"[^\w.-]+", "", PurePosixPath(asked.database or "").name)
        return original(placeholder_url(name or "app"), **without_foreign(arguments))

    for module in (sqlalchemy, sqlalchemy.engine, create):
        yield module, "create_engine", create_engine


def _with_driver(url: Any) -> Any:
    """Return a URL of PostgreSQL with a driver that is there, if it leaves the choice open."""
    if "+" in url.drivername or importlib.util.find_spec(url.get_dialect().driver):
        return url
    return url.set(drivername=f"postgresql+{installed_driver()}")
