"""Refuse connections that leave this machine or go to its own data servers, and list them.

A database, cache or broker that listens on this machine is as a rule the developer's own: the
app reaches the run's servers by other ways, so its usual port means a client that no rerouting
caught.

An audit hook sees every connection made through Python sockets; libpq and other C clients
are out of its sight (the database routing catches those). A hook can not be removed, so it is
installed once per process and switched by a flag.

References:
    Python documentation, "Audit events table": ``socket.connect``, ``socket.getaddrinfo``.
"""

import ipaddress
import sys
from pathlib import Path
from typing import Any

from flask_assay.recording.directory import append_line

__all__ = ["attach", "detach", "is_local"]

_DATA_PORTS = {
    1433: "SQL Server", 1521: "Oracle", 3306: "MySQL", 5432: "PostgreSQL", 5672: "RabbitMQ",
    6379: "Redis", 9042: "Cassandra", 9092: "Kafka", 9200: "Elasticsearch", 11211: "memcached",
    27017: "MongoDB",
}  # fmt: skip
_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost", ""})
_MOST_LISTED = 200


class _State:
    """The switch of the one hook of this process."""

    is_installed = False
    is_on = False
    allowed: frozenset[str] = frozenset()
    places: frozenset[tuple[str, int]] = frozenset()
    recording: Path | None = None
    listed: dict[str, int] = {}  # noqa: RUF012 - one hook per process, so one table


def attach(
    allowed: frozenset[str],
    recording: Path | None = None,
    *,
    places: frozenset[tuple[str, int]] = frozenset(),
) -> None:
    """Refuse hosts that are neither on this machine nor allowed.

    Args:
        allowed: Host names or addresses that may be reached, or "host:port" for one port only.
        recording: Directory whose events list each refused host once.
        places: (address, port) of the run's own servers.
    """
    _State.allowed, _State.recording, _State.is_on = allowed, recording, True
    _State.places = places
    _State.listed = {}
    if not _State.is_installed:
        sys.addaudithook(_hook)
        _State.is_installed = True


def detach() -> None:
    """Let everything pass again."""
    _State.is_on = False


def is_local(host: str) -> bool:
    """Return whether a host name or address is this machine."""
    if host.lower() in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def _hook(event: str, arguments: tuple[Any, ...]) -> None:
    if not _State.is_on or event not in {"socket.connect", "socket.getaddrinfo"}:
        return
    address = arguments[1] if event == "socket.connect" else arguments[0]
    if not isinstance(address, tuple | str | bytes):
        return
    host, port = _host(event, address)
    if host is None or _passes(host, port):
        return
    shown = f"{host}:{port}" if is_local(host) else host
    _list(shown)
    reason = (
        f"is where {_DATA_PORTS[port]} of this machine listens, no server of this run,"
        if is_local(host) and port in _DATA_PORTS
        else "is outside this machine"
    )
    raise ConnectionRefusedError(f"flask-assay: {shown} {reason} and not in egress_allow")


def _passes(host: str, port: int) -> bool:
    if (host, port) in _State.places or {host, f"{host}:{port}"} & _State.allowed:
        return True
    if is_local(host):
        return port not in _DATA_PORTS
    return _is_resolved(host)


def _host(event: str, address: tuple[Any, ...] | str | bytes) -> tuple[str | None, int]:
    if event == "socket.connect":
        # a unix socket's address is a path
        if not isinstance(address, tuple) or len(address) < 2:
            return None, 0
        return str(address[0]), int(address[1])
    name = address.decode(errors="replace") if isinstance(address, bytes) else str(address)
    return name, 0


def _is_resolved(host: str) -> bool:
    """Whether names are allowed, so that the addresses they resolve to must pass as well."""
    if not _State.allowed:
        return False
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _list(host: str) -> None:
    seen = _State.listed.get(host, 0)
    if len(_State.listed) < _MOST_LISTED:
        _State.listed[host] = seen + 1
    if not seen and _State.recording is not None:
        text = f"the app tried to reach {host}: refused (setting egress_allow)"
        event = {"event": "incident", "kind": "egress-refused", "text": text}
        append_line(_State.recording, "events.jsonl", event)
