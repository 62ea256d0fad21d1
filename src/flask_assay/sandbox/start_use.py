"""What an app does with its database while it is made, and what the template then depends on.

An app that only reads, or makes tables that its metadata knows, adds nothing to what the recipe
knows. One that writes rows, runs SQL of its own or works while its module is imported may do
anything: its template is kept for as long as its source files stay as they are.
"""

import hashlib
import json
import sys
import sysconfig
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Self

from flask_assay.sandbox.facts import NOT_OURS

__all__ = ["StartUse", "is_covered", "project_files"]

Query = Callable[[str], Sequence[Sequence[Any]]]

_VERSIONS = "alembic_version"
_LEFT = f"""
SELECT relkind IN ('r', 'p'), lower(relname), format('%I.%I', nspname, relname)
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE {NOT_OURS}
  AND NOT (relkind IN ('i', 'I') AND EXISTS (SELECT FROM pg_constraint WHERE conindid = c.oid))
  AND NOT (relkind = 'S' AND EXISTS (
    SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid
      AND refobjsubid > 0 AND deptype IN ('a', 'i')))
UNION ALL SELECT false, proname || '()', '' FROM pg_proc p
  JOIN pg_namespace n ON n.oid = pronamespace WHERE {NOT_OURS}
UNION ALL SELECT false, 'TRIGGER ' || tgname, '' FROM pg_trigger WHERE NOT tgisinternal
UNION ALL SELECT false, 'EXTENSION ' || extname, '' FROM pg_extension WHERE extname <> 'plpgsql'
UNION ALL SELECT false, 'SCHEMA ' || nspname, '' FROM pg_namespace
  WHERE {NOT_OURS} AND nspname <> 'public'"""  # noqa: S608 - no value in it
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_OURS = f"{Path(__file__).parents[1]}/"


@dataclass(frozen=True, slots=True)
class StartUse:
    """How an app uses its database while it is made.

    Attributes:
        at_import: It does so while its module is imported, which cannot be done again.
        is_steady: On a finished template it changes nothing.
        files: What its template depends on beside the recipe; none where that knows it all.
        content: Hash of those files.
    """

    at_import: bool = False
    is_steady: bool = True
    files: tuple[str, ...] = ()
    content: str = ""

    @classmethod
    def of(cls, files: Iterable[str], *, at_import: bool) -> Self:
        """Return a use that depends on files as they are now."""
        names = tuple(sorted(files))
        return cls(at_import, files=names, content=_content(names))

    @classmethod
    def from_json(cls, data: dict[str, Any] | None) -> Self | None:
        """Return what `to_json` described; None for an app that does not use its database."""
        return cls(**{**data, "files": tuple(data["files"])}) if data else None

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)

    @property
    def is_unchanged(self) -> bool:
        """Whether its files are as they were."""
        return not self.files or _content(self.files) == self.content

    @property
    def is_welcome(self) -> bool:
        """Whether an app that does this may meet the finished template."""
        return self.is_steady and self.is_unchanged

    def digest(self, recipe: str) -> str:
        """Return the hash of a template whose recipe has the hash `recipe`."""
        text = f"{recipe} {json.dumps(self.to_json(), sort_keys=True)}"
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def is_covered(query: Query, known: Collection[str]) -> bool:
    """Whether an app left nothing in an empty database but what its metadata tells.

    Args:
        query: Runs one statement there.
        known: Lower-case names of the tables and indexes that the recipe's hash is about.
    """
    left = query(_LEFT)
    tables = [quoted for is_table, name, quoted in left if is_table and name != _VERSIONS]
    return all(name in known for _, name, _ in left) and not any(
        query(f"SELECT FROM {quoted} LIMIT 1") for quoted in tables
    )


def project_files(modules: Iterable[ModuleType] | None = None) -> set[str]:
    """Return the source files of the project that are loaded, without its tests."""
    loaded = list(sys.modules.values()) if modules is None else modules
    paths = sysconfig.get_paths()
    foreign = (_OURS, paths["stdlib"], paths["platstdlib"])
    found = set()
    for module in loaded:
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and not file.startswith(foreign) and _is_projects(Path(file)):
            found.add(file)
    return found


def _is_projects(path: Path) -> bool:
    is_test = path.name == "conftest.py" or path.match("test_*.py") or path.match("*_test.py")
    return path.suffix == ".py" and not is_test and _INSTALLED.isdisjoint(path.parts)


def _content(files: Iterable[str]) -> str:
    hasher = hashlib.sha256()
    for name in files:
        try:
            hasher.update(Path(name).read_bytes())
        except OSError:
            hasher.update(b"none")
        hasher.update(b"\0")
    return hasher.hexdigest()[:16]
