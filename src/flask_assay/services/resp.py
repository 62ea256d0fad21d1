"""The few words of the Redis protocol that services need, so that they need no client."""

import socket
from dataclasses import dataclass
from typing import BinaryIO

from flask_assay.errors import ServiceError

__all__ = ["Address", "RespError", "ask"]

Reply = str | int | None | list["Reply"]


class RespError(ServiceError):
    """An error reply, or none that can be read."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens.

    Attributes:
        path: Unix socket; "" for TCP.
        host: Host of a TCP server.
        port: Port of a TCP server.
        username: For AUTH; "" for the default user.
        password: For AUTH; "" for none.
        database: Number for SELECT.
    """

    path: str = ""
    host: str = ""
    port: int = 0
    username: str = ""
    password: str = ""
    database: int = 0


def ask(address: Address, *words: str, timeout_s: float = 10.0) -> Reply:
    """Send one command on a connection of its own and return the reply.

    Raises:
        RespError: For an error reply, or if the server says nothing that can be read.
        OSError: If it cannot be reached.
    """
    with _connect(address, timeout_s) as connection, connection.makefile("rb") as stream:
        if address.password:
            user = (address.username,) if address.username else ()
            _command(connection, stream, ("AUTH", *user, address.password))
        if address.database:
            _command(connection, stream, ("SELECT", str(address.database)))
        return _command(connection, stream, words)


def _connect(address: Address, timeout_s: float) -> socket.socket:
    if not address.path:
        return socket.create_connection((address.host, address.port), timeout=timeout_s)
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(timeout_s)
    try:
        connection.connect(address.path)
    except OSError:
        connection.close()
        raise
    return connection


def _command(connection: socket.socket, stream: BinaryIO, words: tuple[str, ...]) -> Reply:
    encoded = [word.encode() for word in words]
    body = b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
    connection.sendall(b"*%d\r\n%s" % (len(encoded), body))
    return _read(stream)


def _read(stream: BinaryIO) -> Reply:
    line = stream.readline().decode(errors="replace").rstrip("\r\n")
    kind, rest = line[:1], line[1:]
    if kind == "+":
        return rest
    if kind == ":":
        return int(rest)
    if kind == "$":
        return _text(stream, int(rest))
    if kind == "*":
        return [_read(stream) for _ in range(int(rest))]
    raise RespError(rest if kind == "-" else f"not a Redis reply: {line[:80]!r}")


def _text(stream: BinaryIO, size: int) -> str | None:
    if size < 0:
        return None
    return stream.read(size + 2)[:-2].decode(errors="replace")
