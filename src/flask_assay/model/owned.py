"""Proofs, as values: only what was checked can be harmed.

Whatever truncates, drops, clones or loads takes one of these and never a URL.
``services.ownership`` builds an ``OwnedDatabase`` and ``guard.load_target`` an
``AllowedTarget``, each after its checks; nobody else does.
"""

from dataclasses import dataclass
from pathlib import Path

__all__ = ["AllowedTarget", "OwnedDatabase"]


@dataclass(frozen=True, slots=True)
class OwnedDatabase:
    """A database that this run created and may destroy.

    Attributes:
        name: Database name.
        socket_dir: Directory of the server's unix socket; None for an external server.
        host: Host of an external server, else "".
        port: Server port (also part of the socket's file name).
        system_identifier: Of the cluster, from ``pg_control_system()``.
        nonce: The marker that this run wrote into the database.
        user: Role that the app connects as.
    """

    name: str
    socket_dir: Path | None
    host: str
    port: int
    system_identifier: str
    nonce: str
    user: str


@dataclass(frozen=True, slots=True)
class AllowedTarget:
    """An address that load may be put on.

    Attributes:
        scheme: "http" or "https".
        host: Host name or address.
        port: TCP port.
        reason: Why it is allowed ("started by this run").
    """

    scheme: str
    host: str
    port: int
    reason: str

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"{self.scheme}://{self.host}:{self.port}"
