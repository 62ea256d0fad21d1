"""A git worktree of the user's project: where a patch can be tried without touching theirs."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from flask_assay.errors import UsageError

__all__ = ["uncommitted", "worktree"]

_LONGEST_S = 120.0
_LEFT_BEHIND = frozenset({".assay", "__pycache__"})


@contextlib.contextmanager
def worktree(project: Path, place: Path) -> Iterator[Path]:
    """Check out the project as it is at another place, and remove it at the end.

    That is HEAD, and on top of it what is not committed. What git ignores, such as keys, built
    assets and instance folders, is linked: the app would not be the same without.

    Args:
        project: A directory in a git repository.
        place: A path that does not exist.

    Yields:
        The project's directory within the worktree.

    Raises:
        UsageError: If the project is in no repository, or git refuses.
    """
    top = Path(_git(project, "rev-parse", "--show-toplevel"))
    # their hooks are for them: post-checkout runs in a new worktree as well
    _git(
        project, "-c", "core.hooksPath=/dev/null", "worktree", "add", "--detach", str(place), "HEAD"
    )
    try:
        for each in uncommitted(project):
            _carry(top / each, place / each)
        for each in _ignored(top):
            _link(top / each, place / each)
        yield place / project.resolve().relative_to(top.resolve())
    finally:
        with contextlib.suppress(UsageError):
            _git(project, "worktree", "remove", "--force", str(place))


def uncommitted(project: Path) -> list[str]:
    """Return the files that differ from HEAD or are new, ignored ones left out.

    Args:
        project: A directory in a git repository.

    Returns:
        Paths relative to the top of the repository.
    """
    top = Path(_git(project, "rev-parse", "--show-toplevel"))
    changed = _git(top, "diff", "--name-only", "--no-renames", "-z", "HEAD", strip=False)
    new = _git(top, "ls-files", "--others", "--exclude-standard", "-z", strip=False)
    return sorted({*filter(None, changed.split("\0")), *filter(None, new.split("\0"))})


def _carry(source: Path, target: Path) -> None:
    """Make one file of a worktree what it is in the user's tree."""
    if source.is_symlink() or source.is_file():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        shutil.copy2(source, target, follow_symlinks=False)
    elif not source.exists() and (target.is_symlink() or target.is_file()):
        target.unlink()


def _ignored(top: Path) -> list[str]:
    """Return what git ignores, folders as one, without what Python and we left there."""
    words = ("ls-files", "--others", "--ignored", "--exclude-standard", "--directory", "-z")
    found = filter(None, _git(top, *words, strip=False).split("\0"))
    return [each.rstrip("/") for each in found if not _LEFT_BEHIND & set(Path(each).parts)]


def _link(source: Path, target: Path) -> None:
    if not os.path.lexists(target):
        target.parent.mkdir(parents=True, exist_ok=True)
        target.symlink_to(source)


def _git(project: Path, *words: str, strip: bool = True) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *words],
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=_LONGEST_S,
            check=False,
        )
    except FileNotFoundError as error:
        raise UsageError("git is not installed", todo="Install git.") from error
    if done.returncode != 0:
        raise UsageError(
            f"git {words[0]} failed in {project}",
            why=done.stderr.strip()[-1000:],
            todo="The project must be in a git repository with at least one commit.",
        )
    return done.stdout.strip() if strip else done.stdout
