"""Whom the servers run as: PostgreSQL refuses root, so root hands them to ``nobody``.

No user is created and no directory that is not ours changes its mode.
"""

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ServiceUser", "can_enter", "give", "service_user"]

_USUAL_NOBODY = 65534


@dataclass(frozen=True, slots=True)
class ServiceUser:
    """Numeric ids of the user that servers are dropped to."""

    uid: int
    gid: int


def service_user(effective_uid: int | None = None) -> ServiceUser | None:
    """Return whom servers are dropped to; None where they run as the caller, who is not root."""
    if (os.geteuid() if effective_uid is None else effective_uid) != 0:
        return None
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        return ServiceUser(_USUAL_NOBODY, _USUAL_NOBODY)
    return ServiceUser(entry.pw_uid, entry.pw_gid)


def can_enter(path: Path, user: ServiceUser | None) -> bool:
    """Tell whether the service user may pass every directory on the way to a path.

    Reads modes only. An access list that grants more is not seen, so a "no" costs a copy at
    most.
    """
    if user is None:
        return True
    return all(_passes(parent, user) for parent in [path, *path.parents] if parent.is_dir())


def _passes(directory: Path, user: ServiceUser) -> bool:
    info = directory.stat()
    if info.st_uid == user.uid:
        return bool(info.st_mode & stat.S_IXUSR)
    if info.st_gid == user.gid:
        return bool(info.st_mode & stat.S_IXGRP)
    return bool(info.st_mode & stat.S_IXOTH)


def give(tree: Path) -> None:
    """Make the servers' user the owner of a directory of ours and all that is in it."""
    user = service_user()
    if user is None:
        return
    for place, _, files in os.walk(tree):
        for path in (place, *(os.path.join(place, name) for name in files)):  # noqa: PTH118 - speed
            os.chown(path, user.uid, user.gid, follow_symlinks=False)
