"""The moment between the death of a PostgreSQL process and PostgreSQL noticing it.

Until then a server that is about to end all its processes still accepts connections, and the
test that is given one loses it. The dead process is one of the server's children until the
server has looked at it: that can be waited for.
"""

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask_assay.errors import AssayError
from flask_assay.services.waiting import wait_until

__all__ = ["is_hurt", "wait_until_noticed"]

NOTICE_S = 20.0
"""A server that has not looked at its children by then does not get to run at all."""


_PROC = Path("/proc")
_BROKEN = 2
"""What psycopg2 says of a connection that the server ended."""


def is_hurt(socket_dir: str, port: int, connections: Iterable[Any] = ()) -> bool:
    """Whether a process of a server's is dead and not noticed yet, or a connection was ended.

    Args:
        socket_dir: Directory of its unix socket, where PostgreSQL writes its process id.
        port: Part of the socket's name.
        connections: Of psycopg or psycopg2.
    """
    return _has_dead(socket_dir, port) or any(map(_is_ended, connections))


def wait_until_noticed(socket_dir: str, port: int) -> None:
    """Wait until a server knows which of its processes are dead; returns at once if none are."""
    with suppress(AssayError):
        wait_until(
            lambda: not _has_dead(socket_dir, port),
            timeout_s=NOTICE_S,
            what="PostgreSQL notices that a process of its own is dead",
        )


def _has_dead(socket_dir: str, port: int) -> bool:
    try:
        number = Path(socket_dir, f".s.PGSQL.{port}.lock").read_text().split("\n", 1)[0].strip()
        children = (_PROC / number / "task" / number / "children").read_text().split()
    except OSError:  # a kernel that does not tell, or a server that is gone
        return False
    return any(_is_dead(_PROC / child) for child in children)


def _is_ended(connection: Any) -> bool:
    return bool(getattr(connection, "broken", False)) or connection.closed == _BROKEN


def _is_dead(process: Path) -> bool:
    """Whether a process has given its memory back, which it does before it closes its sockets."""
    try:
        return not (process / "cmdline").read_bytes()
    except OSError:
        return False
