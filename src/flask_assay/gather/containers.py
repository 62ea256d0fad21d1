"""Which globals of the user's modules grew, how, and which line of theirs makes them grow."""

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from flask_assay.recording.directory import read_lines

__all__ = ["growing_containers", "writing_line"]

LEAST_ENTRIES = 10  # that came on top; fewer are set up once
_ADDING = frozenset(
    {"append", "add", "setdefault", "update", "extend", "insert", "appendleft", "__setitem__"}
)


def growing_containers(recording: Path, root: Path) -> dict[str, Any]:
    """Return the document ``containers.json``.

    Args:
        recording: Its directory, with what each process of the target wrote.
        root: The project.
    """
    found = []
    for path in sorted(recording.glob("containers-*.jsonl")):
        points: dict[str, list[list[int]]] = {}
        for line in read_lines(recording, path.name):
            sizes, t_ns = line.get("sizes"), line.get("t_ns")
            for name, size in sizes.items() if isinstance(sizes, dict) else ():
                points.setdefault(name, []).append([int(str(t_ns)), int(size)])
        pid = int(path.stem.partition("-")[2])
        for name, series in points.items():
            if series[-1][1] - series[0][1] >= LEAST_ENTRIES:
                file, _, variable = name.rpartition(":")
                line_number, function = writing_line(root / file, variable)
                found.append(
                    {
                        "file": file,
                        "name": variable,
                        "line": line_number,
                        "function": function,
                        "pid": pid,
                        "points": series,
                    }
                )
    return {"containers": found}


def writing_line(file: Path, variable: str) -> tuple[int, str]:
    """Return line and function that put something into a global, else where it is defined.

    Args:
        file: The module.
        variable: Its global, or "Class.attribute".

    Returns:
        (0, "") if the file can not be read or does not name it.
    """
    try:
        tree = ast.parse(file.read_text(encoding="utf-8"))
    except (OSError, SyntaxError, ValueError):
        return 0, ""
    name = variable.rpartition(".")[2]
    for node, function in _nodes(tree, ""):
        if function and _adds_to(node, name):
            return node.lineno, function
    for node, function in _nodes(tree, ""):
        if _defines(node, name):
            return node.lineno, function
    return 0, ""


def _nodes(node: ast.AST, function: str) -> Iterator[tuple[Any, str]]:
    """Yield each node with the function around it, in the order of the file."""
    for child in ast.iter_child_nodes(node):
        yield child, function
        is_function = isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
        yield from _nodes(child, child.name if is_function else function)  # type: ignore[attr-defined]


def _adds_to(node: Any, name: str) -> bool:
    if isinstance(node, ast.Assign | ast.AugAssign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return any(isinstance(one, ast.Subscript) and _is(one.value, name) for one in targets)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        return node.func.attr in _ADDING and _is(node.func.value, name)
    return False


def _is(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.Name):
        return node.id == name
    return isinstance(node, ast.Attribute) and node.attr == name


def _defines(node: Any, name: str) -> bool:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
        return node.name == name
    if isinstance(node, ast.Assign):
        return any(_is(target, name) for target in node.targets)
    return isinstance(node, ast.AnnAssign) and _is(node.target, name)
