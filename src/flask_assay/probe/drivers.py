"""What database drivers say of themselves. Reading it sends nothing to a server."""

from typing import Any

__all__ = ["in_transaction", "transaction_state"]

_OPEN = (1, 2, 3)  # libpq: ACTIVE, INTRANS, INERROR


def transaction_state(connection: Any) -> bool | None:
    """Whether a driver connection has an open transaction, None if the driver does not say."""
    try:
        ask = getattr(connection, "get_transaction_status", None)  # psycopg2
        if ask is not None:
            return ask() in _OPEN
        info = getattr(connection, "info", None)  # psycopg
        status = getattr(info, "transaction_status", None)
        if status is not None:
            return int(status) in _OPEN
        answer = getattr(connection, "in_transaction", None)  # sqlite3
    except Exception:  # a closed connection has no transaction
        return False
    return answer if isinstance(answer, bool) else None


def in_transaction(connection: Any) -> bool:
    """Whether a driver connection says that it has an open transaction."""
    return bool(transaction_state(connection))
