"""Write an Alembic migration that builds an index."""

import ast
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.patches.patch import Patch
from flask_assay.experiments.patches.sources import read_source

__all__ = ["has_migrations", "patch"]

_FOLDERS = ("migrations", "alembic")
_SKIPPED = frozenset({"site-packages", "node_modules", "tests", "test"})


def has_migrations(root: Path) -> bool:
    """Return whether a project has Alembic migrations that one can be added to."""
    return bool(_folders(root))


def patch(root: Path, parameters: Mapping[str, object]) -> Patch:
    """Return the migration, on top of the only head.

    Args:
        root: The project.
        parameters: "table", "columns" and, optionally, "schema" and "method".

    Raises:
        UsageError: If there are no migrations, several heads, or an expression to index.
    """
    columns = parameters["columns"]
    assert isinstance(columns, Sequence)
    names = [str(each) for each in columns]
    table, schema = str(parameters["table"]), str(parameters.get("schema") or "public")
    if not all(name.replace("_", "a").isalnum() for name in names):
        raise UsageError(
            f"{', '.join(names)} is an expression", todo="Write its migration by hand."
        )
    folder = _versions(root)
    head = _head(root / folder, folder)
    name = f"ix_{table}_{'_'.join(names)}"[:63]
    _refuse_made(root / folder, name)
    revision = hashlib.sha256(f"{head}{name}".encode()).hexdigest()[:12]
    method = str(parameters.get("method") or "btree")
    options = "" if schema == "public" else f", schema={schema!r}"
    create = options + ("" if method == "btree" else f", postgresql_using={method!r}")
    text = _TEMPLATE.format(
        title=f"Index {table} ({', '.join(names)})",
        revision=revision,
        head=head,
        create=f"{name!r}, {table!r}, {names!r}{create}",
        drop=f"{name!r}, table_name={table!r}{options}",
    )
    return Patch(f"{folder}/{revision}_{name}.py", "", text.replace("'", '"'), migrates=True)


_TEMPLATE = """\"\"\"{title}\"\"\"

from alembic import op

revision = {revision!r}
down_revision = {head!r}
branch_labels = None
depends_on = None


def upgrade():
    op.create_index({create})


def downgrade():
    op.drop_index({drop})
"""


def _versions(root: Path) -> str:
    found = _folders(root)
    if len(found) != 1:
        raise UsageError(
            f"the project has {_many(len(found))} Alembic migrations: {', '.join(found) or 'none'}",
            todo="Create the index where your schema is made; the report shows its migration.",
        )
    return found[0]


def _many(count: int) -> str:
    return f"{count} folders of" if count else "no"


def _folders(root: Path) -> list[str]:
    """Return the folders of revisions: two levels deep, "versions" within or not."""
    return [
        folder.relative_to(root).as_posix()
        for pattern in ("{}", "{}/versions", "*/{}", "*/{}/versions")
        for name in _FOLDERS
        for folder in sorted(root.glob(pattern.format(name)))
        if not _SKIPPED & set(folder.parts) and any(_revisions(folder))
    ]


def _revisions(folder: Path) -> Iterator[tuple[Path, Mapping[str, ast.expr], str]]:
    """Yield path, assignments and text of each revision."""
    for path in sorted(folder.glob("*.py")):
        try:
            source = read_source(path, path.name)
        except UsageError:
            continue
        values = _assigned(source.tree)
        if {"revision", "down_revision"} <= values.keys():
            yield path, values, source.text


def _head(folder: Path, name: str) -> str:
    revisions: set[str] = set()
    below: set[str] = set()
    for _, values, _ in _revisions(folder):
        revisions |= set(_texts(values["revision"]))
        below |= set(_texts(values["down_revision"]))
    heads = sorted(revisions - below)
    if len(heads) != 1:
        raise UsageError(
            f"{name} has {len(heads)} heads: {', '.join(heads) or 'none can be read'}",
            todo="Merge them first: flask db merge heads.",
        )
    return heads[0]


def _refuse_made(folder: Path, index: str) -> None:
    for path, _, text in _revisions(folder):
        if f'"{index}"' in text or f"'{index}'" in text:
            raise UsageError(
                f"{path.name} makes {index} already",
                todo="The recording may be of an older version of the app: flask assay run.",
            )


def _assigned(tree: ast.Module) -> dict[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if isinstance(node, ast.AnnAssign) and node.value is not None:
            targets = [node.target]
        for target in targets:
            if isinstance(target, ast.Name) and node.value is not None:  # type: ignore[attr-defined]
                found[target.id] = node.value  # type: ignore[attr-defined]
    return found


def _texts(node: ast.expr | None) -> list[str]:
    parts = node.elts if isinstance(node, ast.Tuple | ast.List) else [node]
    return [
        each.value
        for each in parts
        if isinstance(each, ast.Constant) and isinstance(each.value, str)
    ]
