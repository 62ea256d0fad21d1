"""Add ``selectinload`` to the one query of a function that can have loaded the parents."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.patches.imports import with_import
from flask_assay.experiments.patches.patch import Patch
from flask_assay.model.finding import Place

__all__ = ["patch"]


def patch(root: Path, parameters: Mapping[str, object], places: tuple[Place, ...]) -> Patch:
    """Return the patch.

    Args:
        root: The project.
        parameters: "relationship", "Class.attribute".
        places: Lines inside the functions that may hold the query: where the loads happen, and
            the views. The first function with a query for the class decides.

    Raises:
        UsageError: If no function holds one, or a function holds several.
    """
    relationship = str(parameters["relationship"])
    model = relationship.partition(".")[0]
    for place in places:
        path = root / place.file
        if path.suffix != ".py" or not path.is_file():
            continue
        text = path.read_text(encoding="utf-8")
        function = _function(ast.parse(text), place.line)
        found = list(_queries(function, model)) if function is not None else []
        if len(found) == 1:
            after = _with_option(text, found[0], relationship)
            return Patch(place.file, text, with_import(after, "sqlalchemy.orm", "selectinload"))
        if found:
            lines = ", ".join(str(each.lineno) for each in found)
            raise UsageError(
                f"{place.file}: several queries may load {model} (lines {lines})",
                todo=f"Add .options(selectinload({relationship})) to the right one by hand.",
            )
    raise UsageError(
        f"no query for {model} was found in the functions concerned",
        todo=f"Add .options(selectinload({relationship})) to the query that loads them.",
    )


def _function(tree: ast.Module, line: int) -> ast.AST | None:
    """Return the outermost function around a line, decorators included."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
            if first <= line <= (node.end_lineno or first):
                return node
    return None


def _queries(function: ast.AST, model: str) -> Iterator[ast.expr]:
    """Yield ``Model.query``, ``select(Model)`` and ``query(Model)``, whatever they stand on."""
    for node in ast.walk(function):
        is_query = isinstance(node, ast.Attribute) and node.attr == "query"
        if is_query and _name(node.value) == model:  # type: ignore[attr-defined]
            yield node  # type: ignore[misc]
        elif (
            isinstance(node, ast.Call)
            and _name(node.func) in {"select", "query"}
            and [_name(each) for each in node.args] == [model]
        ):
            yield node


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""


def _with_option(text: str, node: ast.expr, relationship: str) -> str:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    lines = text.splitlines(keepends=True)
    line = lines[node.end_lineno - 1].encode()
    option = f".options(selectinload({relationship}))".encode()
    lines[node.end_lineno - 1] = (
        line[: node.end_col_offset] + option + line[node.end_col_offset :]
    ).decode()
    return "".join(lines)
