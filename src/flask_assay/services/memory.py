"""A run's place in memory, where there is room: files cost far less there than on disk.

::

    <run>/memory ─link─► /dev/shm/flask-assay-<user>/<run id>/lock    flock, held by the owner;
                                                              │      holds the run's path
                                                              postgres/…

The link is made first, so whoever removes a run finds its place by it. A place whose run's
directory is gone is known by the path that its lock holds.
"""

import contextlib
import fcntl
import os
import stat
import time
from collections.abc import Callable
from pathlib import Path

from flask_assay.services import fork_guard
from flask_assay.services.removal import remove_tree
from flask_assay.services.space import FreeSpace, free_bytes

__all__ = ["NEEDED_BYTES", "available_bytes", "claim", "data_places", "has_room", "sweep"]

ROOT = Path("/dev/shm")  # noqa: S108 - only a private directory below it is used
LINK = "memory"
SWITCH = "ASSAY_DATA"
"""Set to "disk", it keeps the servers' data out of memory."""
NEEDED_BYTES = 2_000_000_000
"""What must be free in memory, and in the file system that stands for it."""
COPIES = 16
"""Room for so many times what a run begins with: databases of workers, clones, what tests write."""
YOUNG_S = 60.0

_MEMINFO = Path("/proc/meminfo")
_GROUP = Path("/sys/fs/cgroup")
_LIMITS = (
    ("memory.max", "memory.current", "memory.stat"),
    ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes", "memory/memory.stat"),
)


def available_bytes(meminfo: Path = _MEMINFO, group: Path = _GROUP) -> int:
    """Return the memory that may still be taken, of the machine's and of our container's share.

    Zero where it is not known.
    """
    available = _field(meminfo, "MemAvailable:") * 1024
    for limit, used, account in _LIMITS:
        with contextlib.suppress(OSError, ValueError):  # "max" is no limit
            left = int((group / limit).read_text()) - int((group / used).read_text())
            available = min(available, left + _field(group / account, "inactive_file"))
    return max(available, 0)


def _field(path: Path, name: str) -> int:
    """Return the number behind a name; zero if it is not there."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        for line in path.read_text().splitlines():
            words = line.split()
            if words[:1] == [name]:
                return int(words[1])
    return 0


def has_room(
    size_bytes: int = 0,
    root: Path = ROOT,
    *,
    free_space: FreeSpace = free_bytes,
    available: Callable[[], int] = available_bytes,
) -> bool:
    """Tell whether the data of a run may lie in memory."""
    if os.environ.get(SWITCH) == "disk" or not os.access(root, os.W_OK | os.X_OK):
        return False
    with contextlib.suppress(OSError):
        needed = max(NEEDED_BYTES, COPIES * size_bytes)
        return min(free_space(root), available()) >= needed
    return False


def claim(run: Path, mode: int, root: Path = ROOT) -> int:
    """Make a run's place in memory and return the descriptor of its lock.

    Args:
        run: The run's directory.
        mode: Of the place.
        root: The file system in memory.

    Raises:
        OSError: It cannot be made, or somebody else's is there.
    """
    home = _home(root)
    with contextlib.suppress(FileExistsError):
        home.mkdir(mode=mode)
        home.chmod(mode)
    if not _is_ours(home):
        raise PermissionError(f"{home} is not ours")
    place = home / run.name
    (run / LINK).symlink_to(place)
    place.mkdir(mode=mode)
    place.chmod(mode)
    lock = os.open(place / "lock", os.O_CREAT | os.O_RDWR, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    os.write(lock, os.fsencode(run))
    fork_guard.keep_from_children(lock)
    return lock


def data_places(run: Path) -> list[Path]:
    """Return where the data of a run's servers are, or would be."""
    places = [run / "data"]
    with contextlib.suppress(OSError):
        places.append((run / LINK).readlink())
    return places


def sweep(root: Path = ROOT) -> list[str]:
    """Remove places whose run's directory is gone and that nobody holds; return their names."""
    home = _home(root)
    if not _is_ours(home):
        return []
    return [place.name for place in sorted(home.glob("*")) if _sweep_one(place)]


def _home(root: Path) -> Path:
    return root / f"flask-assay-{os.geteuid()}"


def _is_ours(home: Path) -> bool:
    with contextlib.suppress(OSError):
        info = home.lstat()
        return stat.S_ISDIR(info.st_mode) and info.st_uid == os.geteuid()
    return False


def _sweep_one(place: Path) -> bool:
    try:
        lock = os.open(place / "lock", os.O_RDWR)
    except OSError:  # its maker may be about to write it
        return _is_old(place) and _remove(place)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        run = Path(os.fsdecode(os.read(lock, 4096)))
        return not run.exists() and _is_old(place) and _remove(place)
    except BlockingIOError:
        return False
    finally:
        os.close(lock)


def _is_old(place: Path) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - place.stat().st_mtime > YOUNG_S
    return False


def _remove(place: Path) -> bool:
    remove_tree(place)
    return True
