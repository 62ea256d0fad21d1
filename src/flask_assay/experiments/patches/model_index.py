"""Give a model an index, where no migrations make the schema."""

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.patches.imports import with_import
from flask_assay.experiments.patches.patch import Patch
from flask_assay.experiments.patches.sources import python_files

__all__ = ["patch"]

_COLUMN_CALLS = frozenset({"Column", "mapped_column"})


@dataclass(frozen=True, slots=True)
class _Model:
    """The class of a table.

    Attributes:
        file: Where it stands.
        text: The file's text.
        node: The class.
    """

    file: Path
    text: str
    node: ast.ClassDef


def patch(root: Path, parameters: Mapping[str, object]) -> Patch:
    """Return the model with the index: of its column, or in ``__table_args__`` for several.

    Args:
        root: The project.
        parameters: "table", "columns" and, optionally, "schema" and "method".

    Raises:
        UsageError: If the place is not certain.
    """
    columns = parameters["columns"]
    assert isinstance(columns, Sequence)
    names, table = [str(each) for each in columns], str(parameters["table"])
    if (parameters.get("method") or "btree") != "btree":
        raise _uncertain(f"the index is of the method {parameters['method']}", table, names)
    models = [each for each in _models(root) if _table_of(each.node) == table]
    if len(models) != 1:
        raise _uncertain(f"{len(models)} classes have the table {table}", table, names)
    model = models[0]
    calls = _column_calls(model.node)
    if missing := [name for name in names if name not in calls]:
        raise _uncertain(f"{model.node.name} states no column {missing[0]}", table, names)
    if len(names) == 1:
        after = _with_keyword(model, calls[names[0]], names[0], table)
    else:
        after = _with_table_argument(model, calls, names, table)
    ast.parse(after)
    file = model.file.relative_to(root).as_posix()
    return Patch(file, model.text, after, adds_indexes=True)


def _models(root: Path) -> Iterator[_Model]:
    for path, text, tree in python_files(root):
        yield from (
            _Model(path, text, node) for node in ast.walk(tree) if isinstance(node, ast.ClassDef)
        )


def _table_of(node: ast.ClassDef) -> str:
    """Return the table's name: as stated, or as Flask-SQLAlchemy makes it of the class."""
    stated = _assigned(node).get("__tablename__")
    if isinstance(stated, ast.Constant):
        return str(stated.value)
    if stated is None and any(ast.unparse(base).endswith("Model") for base in node.bases):
        return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", node.name).lower()
    return ""


def _assigned(node: ast.ClassDef) -> dict[str, ast.expr]:
    found: dict[str, ast.expr] = {}
    for each in node.body:
        target = each.targets[0] if isinstance(each, ast.Assign) else None
        if isinstance(each, ast.AnnAssign):
            target = each.target
        value = each.value if isinstance(each, ast.Assign | ast.AnnAssign) else None
        if isinstance(target, ast.Name) and value is not None:
            found[target.id] = value
    return found


def _column_calls(node: ast.ClassDef) -> dict[str, ast.Call]:
    """Return column → the call that makes it, of columns named like their attribute."""
    return {
        name: value
        for name, value in _assigned(node).items()
        if isinstance(value, ast.Call)
        and ast.unparse(value.func).rpartition(".")[2] in _COLUMN_CALLS
        and not (value.args and isinstance(value.args[0], ast.Constant))
    }


def _with_keyword(model: _Model, call: ast.Call, column: str, table: str) -> str:
    if {each.arg for each in call.keywords} & {None, "index", "unique", "primary_key"}:
        raise _uncertain(f"{model.node.name}.{column} states its index already", table, [column])
    assert call.end_lineno is not None
    assert call.end_col_offset is not None
    lines = model.text.splitlines(keepends=True)
    # offsets of the syntax tree count bytes
    line = lines[call.end_lineno - 1].encode()
    head, tail = line[: call.end_col_offset - 1], line[call.end_col_offset - 1 :]
    is_open = head.rstrip().endswith((b",", b"("))
    if not head.strip():
        lines.insert(call.end_lineno - 1, f"{head.decode()}    index=True,\n")
    else:
        lines[call.end_lineno - 1] = (
            head + (b"index=True" if is_open else b", index=True") + tail
        ).decode()
    return "".join(lines)


def _with_table_argument(
    model: _Model, calls: Mapping[str, ast.Call], names: Sequence[str], table: str
) -> str:
    if "__table_args__" in _assigned(model.node) or any(
        isinstance(each, ast.FunctionDef) and each.name == "__table_args__"
        for each in model.node.body
    ):
        raise _uncertain(f"{model.node.name} has a __table_args__", table, names)
    owner = ast.unparse(calls[names[0]].func).rpartition(".")[0]
    is_core = ast.unparse(calls[names[0]].func).endswith("Column") and owner
    made = f"{owner}.Index" if is_core else "Index"
    quoted = ", ".join(f'"{name}"' for name in (_index_name(table, names), *names))
    indent = " " * model.node.body[0].col_offset
    first = next(each for each in model.node.body if not _is_docstring(each))
    stated = [
        each for each in model.node.body
        if isinstance(each, ast.Assign) and ast.unparse(each.targets[0]) == "__tablename__"
    ]  # fmt: skip
    at = (stated[0].end_lineno or 0) if stated else first.lineno - 1
    lines = model.text.splitlines(keepends=True)
    lines.insert(at, f"{indent}__table_args__ = ({made}({quoted}),)\n")
    text = "".join(lines)
    return text if is_core else with_import(text, "sqlalchemy", "Index")


def _index_name(table: str, names: Sequence[str]) -> str:
    return f"ix_{table}_{'_'.join(names)}"[:63]


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _uncertain(what: str, table: str, names: Sequence[str]) -> UsageError:
    return UsageError(
        f"the place of the index is not certain: {what}",
        why="The project has no Alembic migrations that could make it.",
        todo=f"Create it where your schema is made: CREATE INDEX ON {table} ({', '.join(names)}).",
    )
