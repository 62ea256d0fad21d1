"""What database drivers say of themselves. Reading it sends nothing to a server."""

from collections.abc import Callable
from typing import Any

__all__ = ["in_transaction", "transaction_state"]

_OPEN = (1, 2, 3)  # libpq: ACTIVE, INTRANS, INERROR
_readers: dict[type, Callable[[Any], bool | None]] = {}


def transaction_state(connection: Any) -> bool | None:
    """Whether a driver connection has an open transaction, None if the driver does not say."""
    try:
        reader = _readers.get(type(connection))
        if reader is None:
            reader = _readers[type(connection)] = _find_reader(connection)
        return reader(connection)
    except Exception:  # a closed connection has no transaction
        return False


def in_transaction(connection: Any) -> bool:
    """Whether a driver connection says that it has an open transaction."""
    return bool(transaction_state(connection))


def _find_reader(connection: Any) -> Callable[[Any], bool | None]:
    if hasattr(connection, "get_transaction_status"):
        return _read_psycopg2
    if hasattr(getattr(connection, "info", None), "transaction_status"):
        return _read_psycopg
    if isinstance(getattr(connection, "in_transaction", None), bool):
        return _read_sqlite3
    return _read_nothing


def _read_psycopg2(connection: Any) -> bool:
    return connection.get_transaction_status() in _OPEN


def _read_psycopg(connection: Any) -> bool:
    return int(connection.info.transaction_status) in _OPEN


def _read_sqlite3(connection: Any) -> bool:
    return bool(connection.in_transaction)


def _read_nothing(_connection: Any) -> None:
    return None
