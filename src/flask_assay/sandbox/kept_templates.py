"""Templates kept across runs: stopped clusters under the hash of their recipe."""

import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flask_assay.sandbox.facts import VERSION
from flask_assay.services.binaries import postgres_version
from flask_assay.services.cached_tree import is_whole, publish

__all__ = ["KeptCluster", "KeptTemplates"]

KEPT = 4
"""Templates kept per user; older ones make room."""
IN_USE_S = 600.0
"""So long after its last use a template stays: another run may be copying it."""


@dataclass(frozen=True, slots=True)
class KeptCluster:
    """A stopped cluster that templates are in.

    Attributes:
        cluster: Its data directory.
        document: What is known about its templates.
    """

    cluster: Path
    document: dict[str, Any]

    @property
    def size_bytes(self) -> int:
        """What it takes, roughly."""
        return int(self.document.get("size_bytes", 0))


class KeptTemplates:
    """All that are kept for this user.

    Args:
        cache: Shared between the runs of this user.
    """

    def __init__(self, cache: Path) -> None:
        self.cache = cache

    def _place(self, digest: str) -> Path:
        # A cluster is of use to the version of PostgreSQL that made it, and to no other.
        server = postgres_version().replace(".", "-")
        return self.cache / f"template-{digest}-{VERSION}-{server}"

    def find(self, digest: str) -> KeptCluster | None:
        """Return a cluster with all its files, and note that it is used; None if there is none."""
        place = self._place(digest)
        try:
            if is_whole(place):
                place.touch()
                return KeptCluster(place, json.loads(place.with_suffix(".json").read_text()))
        except (OSError, ValueError):  # another run makes room
            pass
        return None

    def keep(self, beside: Path, document: dict[str, Any], digest: str) -> None:
        """Take a stopped cluster in; of several runs that would, one wins.

        Args:
            beside: Its data directory, on the cache's file system; it is moved.
            document: What is known about its templates.
            digest: Hash of their recipe.
        """
        place = self._place(digest)
        size = sum(path.stat().st_size for path in beside.rglob("*") if path.is_file())
        place.with_suffix(".json").write_text(json.dumps({**document, "size_bytes": size}))
        publish(beside, place)
        place.touch()
        self._make_room(place)

    def amend(self, digest: str, facts: dict[str, Any]) -> None:
        """Correct what is known about a cluster, if it is kept."""
        found = self.find(digest)
        if found is not None:
            path = found.cluster.with_suffix(".json")
            beside = path.with_name(f".{path.name}-{os.getpid()}")
            beside.write_text(json.dumps({**found.document, **facts}))
            beside.replace(path)

    def _make_room(self, place: Path) -> None:
        """Remove templates that no recent run used."""
        ages = {
            path: _age_s(path, place) for path in self.cache.glob("template-*") if path.is_dir()
        }
        for path in sorted(ages, key=ages.__getitem__)[KEPT:]:
            if ages[path] < IN_USE_S:
                continue
            shutil.rmtree(path, ignore_errors=True)
            path.with_suffix(".json").unlink(missing_ok=True)
            path.with_name(f"{path.name}.count").unlink(missing_ok=True)


def _age_s(path: Path, newest: Path) -> float:
    """Return by how much a template was used before the one that was published just now."""
    try:
        return newest.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:  # another run made room a moment ago
        return 0.0
