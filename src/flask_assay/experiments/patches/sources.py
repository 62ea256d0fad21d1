"""The user's source files, byte for byte: encoding, line ends and all."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from flask_assay.errors import UsageError
from flask_assay.model.finding import Place

__all__ = [
    "Source",
    "function_at",
    "insert_after",
    "is_named",
    "line_end",
    "lines_of",
    "python_files",
    "read_source",
]

_SKIPPED = frozenset({"tests", "test", "migrations", "alembic", "node_modules", "site-packages"})
# what ends a line for Python; str.splitlines() also knows form feeds and others
_LINE = re.compile(r"[^\r\n]*(?:\r\n|\r|\n)|[^\r\n]+\Z")
_FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


@dataclass(frozen=True, slots=True)
class Source:
    """A Python file.

    Attributes:
        path: Where it is.
        text: Its text, line ends as they are, without a byte order mark.
        encoding: What its bytes are.
        tree: Its syntax tree.
    """

    path: Path
    text: str
    encoding: str
    tree: ast.Module


def read_source(path: Path, name: str) -> Source:
    """Return a file as Python reads it.

    Args:
        path: Where it is.
        name: What messages call it.

    Raises:
        UsageError: If it can not be read.
    """
    try:
        raw = path.read_bytes()
        encoding, _ = tokenize.detect_encoding(io.BytesIO(raw).readline)
        text = raw.decode(encoding)
        return Source(path, text, encoding, ast.parse(text))
    except (OSError, SyntaxError, ValueError) as error:
        raise UsageError(
            f"{name} can not be read as Python: {error}", todo="The patch has to be made by hand."
        ) from error


def python_files(root: Path) -> Iterator[Source]:
    """Yield each file that its app may import and that can be read."""
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).parts
        if any(part in _SKIPPED or part.startswith((".", "venv", "env")) for part in parts[:-1]):
            continue
        try:
            yield read_source(path, path.name)
        except UsageError:
            continue


def lines_of(text: str) -> list[str]:
    """Return the lines that a syntax tree counts, with their ends."""
    return _LINE.findall(text)


def line_end(text: str) -> str:
    r"""Return what ends the lines of a text: "\n" or "\r\n"."""
    return "\r\n" if "\r\n" in text else "\n"


def insert_after(text: str, node: ast.expr, added: str) -> str:
    """Return a text with something right behind an expression.

    Args:
        text: A module.
        node: Of its syntax tree.
        added: What follows the expression.

    Raises:
        UsageError: If the expression is not where its syntax tree says, as in f-strings
            before Python 3.12.
    """
    segment = ast.get_source_segment(text, node)
    try:
        found = ast.parse(f"({segment})", mode="eval").body
    except (SyntaxError, ValueError):
        found = None
    if found is None or ast.dump(found) != ast.dump(node):
        raise UsageError(
            f"line {node.lineno} holds its query within a text",
            todo="The patch has to be made by hand.",
        )
    lines = lines_of(text)
    number, column = (node.end_lineno or 0) - 1, node.end_col_offset or 0
    # offsets of the syntax tree count bytes
    line = lines[number].encode()
    lines[number] = (line[:column] + added.encode() + line[column:]).decode()
    return "".join(lines)


def function_at(tree: ast.Module, place: Place) -> ast.FunctionDef | ast.AsyncFunctionDef | None:
    """Return the outermost function around a place, decorators included.

    Code moves between a recording and its patch: the function that was seen there decides, by
    its name; its line only where the name is not known.

    Args:
        tree: The file's.
        place: Line, and function if it is known.

    Returns:
        None where no function, or several, can be meant.
    """
    wanted = _names(place.function)
    every = [(names, node) for names, node in _functions(tree, ()) if isinstance(node, _FUNCTIONS)]
    around = [node for _, node in every if _is_around(node, place.line)]
    named = [node for names, node in every if wanted and names[-len(wanted) :] == wanted]
    if wanted and not any(node in named for node in around):
        if len(named) != 1:
            return None
        around = [node for _, node in every if _is_around(node, named[0].lineno)]
    return around[0] if around else None


def is_named(tree: ast.Module, place: Place) -> bool:
    """Return whether a file still has the function, or the class, of a place."""
    wanted = _names(place.function)
    return not wanted or any(names[-1] in wanted for names, _ in _functions(tree, ()))


def _functions(node: ast.AST, outer: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], ast.AST]]:
    """Yield the names that lead to each function and class, and it; outer ones first."""
    for each in ast.iter_child_nodes(node):
        names = outer
        if isinstance(each, (*_FUNCTIONS, ast.ClassDef)):
            names = (*outer, each.name)
            yield names, each
        yield from _functions(each, names)


def _is_around(node: ast.FunctionDef | ast.AsyncFunctionDef, line: int) -> bool:
    first = min([node.lineno, *(each.lineno for each in node.decorator_list)])
    return first <= line <= (node.end_lineno or 0)


def _names(function: str) -> tuple[str, ...]:
    """Return the names of a place that a file has: not those of comprehensions and templates."""
    names = tuple(each for each in function.split(".") if each and not each.startswith("<"))
    return names if all(map(str.isidentifier, names)) and names != ("template",) else ()
