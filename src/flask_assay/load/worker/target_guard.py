"""Keeps load on the target: the one address that the plan allows."""

from urllib.parse import urlsplit

from flask_assay.model.owned import AllowedTarget

__all__ = ["LoadRefusedError", "TargetGuard"]

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "[::1]"})


class LoadRefusedError(ConnectionError):
    """A request for an address that load may not be put on."""


class TargetGuard:
    """Says which addresses are the target; armed once the virtual users start."""

    def __init__(self, target: AllowedTarget) -> None:
        self.target = target
        self.armed = False
        is_local = target.host.lower() in LOOPBACK
        self._hosts = LOOPBACK if is_local else frozenset({target.host.lower()})

    def allows(self, host: str | None, port: int | None) -> bool:
        """Whether an address is the target, under any of its names."""
        return (host or "").lower() in self._hosts and port == self.target.port

    def allows_url(self, url: str) -> bool:
        """Whether a URL, relative or absolute, leads to the target."""
        parts = urlsplit(url)
        if not parts.netloc:
            return not parts.scheme
        return self.allows(parts.hostname, parts.port or _default_port(parts.scheme))

    def check_url(self, url: str) -> None:
        """Refuse a URL that leads away from the target.

        Raises:
            LoadRefusedError: If the guard is armed.
        """
        parts = urlsplit(url)
        self.check(parts.hostname, parts.port or _default_port(parts.scheme))

    def check(self, host: str | None, port: int | None) -> None:
        """Refuse an address that is not the target.

        Raises:
            LoadRefusedError: If it is another one and the guard is armed.
        """
        if self.armed and not self.allows(host, port):
            raise LoadRefusedError(
                f"{host}:{port} is not the target: load goes to {self.target.url} only; "
                "ask for a path without a host"
            )


def _default_port(scheme: str) -> int:
    return 443 if scheme == "https" else 80
