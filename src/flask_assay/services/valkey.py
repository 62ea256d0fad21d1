"""An embedded Valkey of this run: no persistence, a unix socket, a bound on its memory."""

import os
import shutil
import signal
from pathlib import Path

from flask_assay.errors import ServiceError
from flask_assay.services.binaries import ValkeyBinaries, find_valkey
from flask_assay.services.privileges import give
from flask_assay.services.resp import Address, Reply, RespError, ask
from flask_assay.services.supervisor import ManagedProcess, Supervisor
from flask_assay.services.waiting import WaitTimeoutError, wait_until

__all__ = ["ValkeyServer", "provision_valkey"]

READY_S = 15.0
STOP_S = 5.0
MAXIMUM_MEMORY = "256mb"
DUMP = "dump.rdb"


class ValkeyServer:
    """A running Valkey that this run made.

    Attributes:
        name: Of its process, log and data within the run.
        socket_path: Its unix socket.
        version: "9.1.2".
        process: The server, supervised.
    """

    def __init__(self, supervisor: Supervisor, binaries: ValkeyBinaries, name: str) -> None:
        self.name = name
        self.socket_path = supervisor.run.sockets / f"{name}.sock"
        self.version = ""
        self.process: ManagedProcess | None = None
        self._supervisor, self._binaries = supervisor, binaries

    @property
    def data(self) -> Path:
        """The data directory: empty, unless a clone is made."""
        return self._supervisor.run.data / self.name

    @property
    def is_running(self) -> bool:
        """Whether the server is alive."""
        return self.process is not None and self.process.is_running

    def start(self) -> None:
        """Start it and return when it answers. Idempotent.

        Raises:
            ServiceError: With the end of its log, if it does not answer.
        """
        if self.is_running:
            return
        if self.process is not None:
            self.process.stop()
        self.socket_path.unlink(missing_ok=True)
        self.process = self._supervisor.start(
            self.name,
            [str(self._binaries.server), *self._options()],
            env={"LC_ALL": "C", "TZ": "UTC", "PATH": os.defpath},
            cwd=Path("/"),
            drop_root=True,
            end_signal=signal.SIGTERM,
        )
        try:
            wait_until(self._is_ready, timeout_s=READY_S, what="Valkey answers")
        except WaitTimeoutError as error:
            raise self._not_ready("did not answer") from error

    def _options(self) -> list[str]:
        settings = {
            "port": "0",
            "unixsocket": str(self.socket_path),
            "unixsocketperm": "700",
            "dir": str(self.data),
            "dbfilename": DUMP,
            "save": "",
            "appendonly": "no",
            "maxmemory": MAXIMUM_MEMORY,
            "maxmemory-policy": "noeviction",
            "daemonize": "no",
        }
        return [word for name, value in settings.items() for word in (f"--{name}", value)]

    def _is_ready(self) -> bool:
        assert self.process is not None
        if not self.process.is_running:
            raise self._not_ready(f"ended with {self.process.poll()}")
        try:
            info = str(self.ask("INFO", "server"))
        except (OSError, RespError):
            return False
        facts = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        self.version = facts.get("valkey_version", facts.get("redis_version", ""))
        return True

    def _not_ready(self, what: str) -> ServiceError:
        assert self.process is not None
        return ServiceError(
            f"Valkey {what}",
            why=self.process.last_words(),
            todo="Run `flask assay doctor`; it looks for the usual causes.",
        )

    def ask(self, *words: str) -> Reply:
        """Send one command to database 0 and return its reply.

        Raises:
            RespError: For an error reply.
            OSError: If the server cannot be reached.
        """
        return ask(Address(path=str(self.socket_path)), *words)

    def stop(self, deadline_s: float = STOP_S) -> None:
        """Stop it; what it held is gone. Idempotent."""
        if self.process is not None:
            self.process.stop(deadline_s)

    def url(self, database: int = 0) -> str:
        """Return a URL for redis-py and whoever takes the same."""
        return f"unix://{self.socket_path}?db={database}"

    def clone(self) -> "ValkeyServer":
        """Return another server that starts with the same data, all databases of it.

        Raises:
            ServiceError: If the data cannot be written or the other server not be started.
        """
        self.ask("SAVE")
        twin = _lay_out(self._supervisor, self._binaries)
        shutil.move(self.data / DUMP, twin.data / DUMP)
        twin.start()
        (twin.data / DUMP).unlink(missing_ok=True)
        return twin


def _lay_out(supervisor: Supervisor, binaries: ValkeyBinaries) -> ValkeyServer:
    run = supervisor.run
    count = sum(1 for _ in run.data.glob("valkey*"))
    server = ValkeyServer(supervisor, binaries, f"valkey-{count + 1}" if count else "valkey")
    server.data.mkdir(mode=0o700)
    give(server.data)
    return server


def provision_valkey(supervisor: Supervisor) -> ValkeyServer:
    """Make and start a Valkey of this run.

    Args:
        supervisor: Of the run that it lives and dies with.

    Raises:
        MissingExtraError: If the wheel is not installed.
        ServiceError: If it cannot be started; with the cause.
    """
    server = _lay_out(supervisor, find_valkey(supervisor.run.cache))
    server.start()
    return server
