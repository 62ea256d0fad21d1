"""A git worktree of the user's project: where a patch can be tried without touching theirs."""

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path

from flask_assay.errors import UsageError

__all__ = ["committed", "worktree"]

_LONGEST_S = 120.0


@contextlib.contextmanager
def worktree(project: Path, place: Path) -> Iterator[Path]:
    """Check out HEAD at another place, and remove it at the end.

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
        yield place / project.resolve().relative_to(top.resolve())
    finally:
        with contextlib.suppress(UsageError):
            _git(project, "worktree", "remove", "--force", str(place))


def committed(project: Path, file: str) -> str | None:
    """Return a file's text as HEAD has it, None if HEAD has none.

    Args:
        project: A directory in a git repository.
        file: Relative to it.
    """
    try:
        return _git(project, "show", f"HEAD:./{file}", strip=False)
    except UsageError:
        return None


def _git(project: Path, *words: str, strip: bool = True) -> str:
    try:
        done = subprocess.run(
            ["git", "-C", str(project), *words],
            capture_output=True,
            text=True,
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
