"""One run's directory: lock, owner, sockets, data, logs.

::

    <base>/cache/…             shared between runs: initialised clusters, linked binaries
    <base>/runs/<run id>/lock          flock, held by the owner for as long as it lives
                         owner.json    run id, nonce, who owns it
                         processes/    one file per process that the run started
                         s/ data/ logs/ private/
                         memory        link to the run's place in memory, if it has one
"""

import contextlib
import fcntl
import json
import os
import secrets
import stat
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from flask_assay.errors import ServiceError
from flask_assay.services import fork_guard, memory
from flask_assay.services.extinction import remove
from flask_assay.services.privileges import can_enter, give, service_user
from flask_assay.services.processes import Identity, identify
from flask_assay.services.space import FreeSpace, free_bytes, require_space

__all__ = [
    "SOCKET_PATH_LIMIT",
    "RunDirectory",
    "RunOwner",
    "default_base",
    "private_directory",
    "read_owner",
]

SOCKET_PATH_LIMIT = 103
"""Bytes that a socket's path may have: macOS ends there, Linux at 107."""

LONGEST_SOCKET_NAME = ".s.PGSQL.65535"


@dataclass(frozen=True, slots=True)
class RunOwner:
    """What ``owner.json`` says.

    Attributes:
        run_id: Eight hexadecimal digits; the directory's name.
        nonce: The secret that this run writes into its databases.
        owner: The process that the run lives and dies with.
        sockets: Where its sockets are.
    """

    run_id: str
    nonce: str
    owner: Identity
    sockets: str


def read_owner(run: Path) -> RunOwner | None:
    """Return what a run's directory says of its owner; None if it does not say."""
    try:
        document = json.loads((run / "owner.json").read_text())
        owner = Identity(**document.pop("owner"))
        return RunOwner(owner=owner, **document)
    except (OSError, ValueError, TypeError, KeyError):
        return None


def default_base() -> Path:
    """Return the per-user directory for caches and runs.

    ``$XDG_CACHE_HOME``, else ``~/.cache``, else a private directory under the system's
    temporary one: the first that can be written and that the servers' user can enter. (Root's
    home is closed to ``nobody``, so for root it is usually the last.)

    Raises:
        ServiceError: If none of them will do.
    """
    tried = []
    for candidate in _candidates():
        try:
            private_directory(candidate)
        except (OSError, ServiceError) as error:
            tried.append(f"{candidate}: {error}")
            continue
        if can_enter(candidate, service_user()) and os.access(candidate, os.W_OK):
            return candidate
        tried.append(f"{candidate}: closed to the user that the servers run as")
    raise ServiceError(
        "no directory for flask-assay's servers",
        why="\n".join(tried),
        todo="Set XDG_CACHE_HOME to a directory that you may write.",
    )


def _candidates() -> list[Path]:
    user = service_user()
    configured = os.environ.get("XDG_CACHE_HOME", "")
    places = [Path(configured)] if configured.startswith("/") else []
    places.append(Path(os.path.expanduser("~")) / ".cache")  # noqa: PTH111 - Path.home raises
    usable = [place for place in places if place.is_absolute() and _may_hold(place)]
    if user is not None:
        usable = [place for place in usable if can_enter(place, user)]
    temporary = Path(tempfile.gettempdir()) / f"flask-assay-{os.geteuid()}"
    return [*(place / "flask-assay" for place in usable), temporary]


def _may_hold(place: Path) -> bool:
    existing = next(parent for parent in [place, *place.parents] if parent.exists())
    return os.access(existing, os.W_OK | os.X_OK)


def private_directory(path: Path) -> Path:
    """Make sure of a directory that is ours and closed to others.

    As root it may be passed by others, not listed, so that the servers reach what is theirs.

    Raises:
        ServiceError: If something else is in its place or somebody else owns it.
    """
    mode = _mode()
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        path.mkdir(mode=mode)
        path.chmod(mode)
    except FileExistsError:
        info = path.lstat()
        if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.geteuid():
            raise ServiceError(
                f"{path} is not a directory of ours",
                why="Another user, or a link, is where our private directory belongs.",
                todo="Remove it, or set XDG_CACHE_HOME to a directory of your own.",
            ) from None
    return path


def _mode() -> int:
    return 0o711 if service_user() else 0o700


class RunDirectory:
    """The directory of one run, held by a lock until ``close`` or the owner's death.

    Attributes:
        path: The directory.
        run_id: Its name.
        nonce: Secret of this run; written into its databases as proof of ownership.
        sockets: Short path for unix sockets.
        data: Servers' data.
        logs: One log file per process.
        private: Readable by the owner alone; gone with the run.
        processes: One file per process that the run started.
        cache: Shared between the runs of this user.
    """

    def __init__(self, base: Path, facts: RunOwner, lock: int) -> None:
        self.path = base / "runs" / facts.run_id
        self.run_id, self.nonce = facts.run_id, facts.nonce
        self.owner = facts.owner
        self.sockets = Path(facts.sockets)
        self.data, self.logs = self.path / "data", self.path / "logs"
        self.private, self.processes = self.path / "private", self.path / "processes"
        self.cache = base / "cache"
        self._lock, self._memory_lock = lock, -1

    @classmethod
    def create(cls, base: Path | None = None, *, free_space: FreeSpace = free_bytes) -> Self:
        """Make a new run's directory and lock it.

        Args:
            base: Where runs and caches lie; by default the per-user place.
            free_space: How to ask for free bytes.

        Raises:
            ServiceError: If the place is not usable, nearly full, or too long for sockets.
        """
        base = default_base() if base is None else private_directory(base.absolute())
        if not can_enter(base, service_user()):
            raise ServiceError(
                f'{base} is closed to the user "nobody"',
                why="As root the servers run as nobody, who cannot pass one of its parents.",
                todo="Choose a directory whose parents others may enter, for example under /tmp.",
            )
        require_space(base, free_space=free_space)
        runs = private_directory(base / "runs")
        private_directory(base / "cache")
        run_id = secrets.token_hex(4)
        owner = identify(os.getpid())
        assert owner is not None
        sockets = _socket_directory(runs / run_id)
        facts = RunOwner(run_id, secrets.token_hex(16), owner, str(sockets))
        lock = _build(runs, facts)
        run = cls(base, facts, lock)
        sockets.mkdir(mode=0o700)
        give(sockets)
        return run

    @property
    def is_open(self) -> bool:
        """True in the owner until ``close``; false in its forked children."""
        return self._lock >= 0 and os.getpid() == self.owner.pid

    def quickest(self, size_bytes: int = 0) -> Path:
        """Return where data go that a crash of the machine may take: to memory, if it has room.

        Args:
            size_bytes: What is known of their size; copies of it will follow.
        """
        if not memory.has_room(size_bytes):
            return self.data
        if self._memory_lock < 0 and self.is_open:
            with contextlib.suppress(OSError):
                self._memory_lock = memory.claim(self.path, _mode())
        return memory.data_places(self.path)[-1] if self._memory_lock >= 0 else self.data

    def close(self) -> None:
        """Remove the directory and let go of the lock. Idempotent; nothing in a forked child."""
        if not self.is_open:
            return
        remove(self.path, self.sockets)
        fork_guard.release(self._memory_lock)
        fork_guard.release(self._lock)
        self._lock = self._memory_lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def _socket_directory(run: Path) -> Path:
    """Return a place short enough for sockets: in the run, else under the temporary directory."""
    elsewhere = Path(tempfile.gettempdir()) / f"assay-{os.geteuid()}-{run.name}"
    for candidate in (run / "s", elsewhere):
        if len(os.fsencode(candidate / LONGEST_SOCKET_NAME)) <= SOCKET_PATH_LIMIT:
            return candidate
    raise ServiceError(
        f"{elsewhere} is too long for a unix socket",
        why=f"With the socket's name it must stay within {SOCKET_PATH_LIMIT} bytes, "
        f"and so must {run / 's'}.",
        todo="Set TMPDIR or XDG_CACHE_HOME to a shorter path.",
    )


def _build(runs: Path, facts: RunOwner) -> int:
    """Make the directory beside its place, lock it, and only then let others see it."""
    beside = private_directory(runs / f".new-{facts.run_id}")
    lock = os.open(beside / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    for name in ("data", "logs", "processes"):
        private_directory(beside / name)
    (beside / "private").mkdir(mode=0o700)
    owner = facts.owner._asdict()
    (beside / "owner.json").write_text(json.dumps({**asdict(facts), "owner": owner}))
    beside.rename(runs / facts.run_id)
    fork_guard.keep_from_children(lock)
    return lock
