"""What a pool's pre-ping is told: the sandbox knows the answer without asking the server.

SQLAlchemy pings a pooled connection *before* ``checkout`` fires, so a connection of another
test's database has to be refused here.  A logical connection of the rollback gear costs no
round trip; a real one is pinged as in production.
"""

from collections.abc import Callable, Iterator
from typing import Any

__all__ = ["patched_pings"]

IsCurrent = Callable[[Any], bool]


def patched_pings(is_current: IsCurrent) -> Iterator[tuple[Any, str, Any]]:
    """Yield what to replace: owner, name and the value to put there."""
    from sqlalchemy.engine.default import DefaultDialect

    if hasattr(DefaultDialect, "_do_ping_w_event"):
        yield DefaultDialect, "_do_ping_w_event", _ping(DefaultDialect._do_ping_w_event, is_current)
        return
    from sqlalchemy.dialects.postgresql.psycopg2 import PGDialect_psycopg2

    # SQLAlchemy 1.4 has no place common to all dialects.
    for dialect in (DefaultDialect, PGDialect_psycopg2):
        if "do_ping" in vars(dialect):
            yield dialect, "do_ping", _ping(dialect.do_ping, is_current)


def _ping(original: Callable[..., bool], is_current: IsCurrent) -> Callable[..., bool]:
    def ping(self: Any, dbapi_connection: Any, *rest: Any) -> bool:
        if not is_current(dbapi_connection):
            return False
        if getattr(dbapi_connection, "_assay_link", None) is not None:
            return True
        return original(self, dbapi_connection, *rest)

    return ping
