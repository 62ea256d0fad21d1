"""What in a connection's arguments belongs to the app's own server."""

from collections.abc import Mapping
from typing import Any

__all__ = ["neutral"]

# They would fail or mislead on ours.
_SERVER_ARGUMENTS = frozenset(
    {
        "host", "hostaddr", "port", "user", "username", "password", "passwd", "passfile",
        "dbname", "database", "db", "dsn", "service", "servicefile", "unix_socket", "requirepeer",
        "ssl", "ssl_context", "sslmode", "sslnegotiation", "sslrootcert", "sslcert", "sslkey",
        "sslpassword", "sslcrl", "channel_binding", "gssencmode", "require_auth",
        "target_session_attrs", "load_balance_hosts",
    }
)  # fmt: skip


def neutral(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return connection arguments without those that belong to the app's own server."""
    return {name: value for name, value in arguments.items() if name not in _SERVER_ARGUMENTS}
