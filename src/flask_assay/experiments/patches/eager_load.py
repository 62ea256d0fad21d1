"""Add ``selectinload`` to the one query of a function that can have loaded the parents."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.experiments.patches.imports import with_import
from flask_assay.experiments.patches.patch import Patch
from flask_assay.experiments.patches.sources import (
    function_at,
    insert_after,
    is_named,
    read_source,
)
from flask_assay.model.finding import Place

__all__ = ["patch"]

_LOADER = "selectinload"
_LOADERS = frozenset({"selectinload", "joinedload", "subqueryload", "contains_eager"})


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
    model, _, attribute = relationship.partition(".")
    moved: list[Place] = []
    for place in places:
        path = root / place.file
        if path.suffix != ".py" or not path.is_file():
            continue
        source = read_source(path, place.file)
        function = function_at(source.tree, place)
        if function is None:
            moved += [] if is_named(source.tree, place) else [place]
            continue
        _refuse_loaded(function, relationship, place)
        found = list(_queries(function, model))
        if len(found) == 1:
            query, named = found[0]
            option = f".options({_LOADER}({ast.unparse(named)}.{attribute}))"
            after = with_import(insert_after(source.text, query, option), "sqlalchemy.orm", _LOADER)
            return Patch(place.file, source.text, after, encoding=source.encoding)
        if found:
            lines = ", ".join(str(each.lineno) for each, _ in found)
            raise UsageError(
                f"{place.file}: several queries may load {model} (lines {lines})",
                todo=f"Add .options(selectinload({relationship})) to the right one by hand.",
            )
    if places and not any((root / each.file).is_file() for each in places):
        raise UsageError(
            f"{places[0].file} is not in {root}", todo="Run it in the directory of the project."
        )
    raise UsageError(
        f"no query for {model} was found in the functions concerned",
        why="".join(f"{each} is no longer in {each.function}. " for each in moved).strip(),
        todo=f"Add .options(selectinload({relationship})) to the query that loads them.",
    )


def _refuse_loaded(function: ast.AST, relationship: str, place: Place) -> None:
    """Refuse where the function loads the relationship already, since the recording."""
    for node in ast.walk(function):
        if (
            isinstance(node, ast.Call)
            and _name(node.func) in _LOADERS
            and any(f".{ast.unparse(each)}".endswith(f".{relationship}") for each in node.args)
        ):
            raise UsageError(
                f"{place.file}:{node.lineno} loads {relationship} already: {ast.unparse(node)}",
                todo="The recording may be of an older version of the app: flask assay run.",
            )


def _queries(function: ast.AST, model: str) -> Iterator[tuple[ast.expr, ast.expr]]:
    """Yield queries, and the class as they name it.

    They are ``Model.query``, ``Model.select()``, and ``select(Model)`` and ``query(Model)`` with
    or without others beside it, whatever they stand on.
    """
    for node in ast.walk(function):
        if isinstance(node, ast.Attribute) and node.attr == "query":
            if _name(node.value) == model:
                yield node, node.value
        elif isinstance(node, ast.Call) and _name(node.func) in {"select", "query"}:
            named = [each for each in node.args if _name(each) == model]
            if len(named) == 1 and not node.keywords:
                yield node, named[0]
            elif (
                isinstance(node.func, ast.Attribute)
                and (_name(node.func.value), node.func.attr) == (model, "select")
                and not node.args
            ):
                yield node, node.func.value


def _name(node: ast.expr) -> str:
    if isinstance(node, ast.Name):
        return node.id
    return node.attr if isinstance(node, ast.Attribute) else ""
