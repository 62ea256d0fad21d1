"""Add an import to a module."""

import ast

from flask_assay.experiments.patches.sources import line_end, lines_of

__all__ = ["with_import"]

_WIDTH = 79  # of PEP 8; a file that has longer lines may have this one too


def with_import(text: str, module: str, name: str) -> str:
    """Return a module's text with ``from module import name``, unless it has that.

    Args:
        text: The module.
        module: Absolute name.
        name: What is imported of it.
    """
    tree = ast.parse(text)
    of_module = [
        node for node in tree.body if isinstance(node, ast.ImportFrom)
        and node.module == module and node.level == 0
    ]  # fmt: skip
    if any((alias.asname or alias.name) == name for node in of_module for alias in node.names):
        return text
    lines, end = lines_of(text), line_end(text)
    for node in of_module:
        joined = _joined(node, module, name)
        # a comment, a second statement or brackets stay as they are
        if lines[node.lineno - 1].rstrip() == ast.unparse(node) and _fits(joined, lines):
            lines[node.lineno - 1] = joined + lines[node.lineno - 1][len(ast.unparse(node)) :]
            return "".join(lines)
    at = _end_of_imports(tree, lines)
    if at == len(lines) and lines and not lines[-1].endswith(("\r", "\n")):
        lines[-1] += end
    lines.insert(at, f"from {module} import {name}{end}")
    return "".join(lines)


def _joined(node: ast.ImportFrom, module: str, name: str) -> str:
    names = [_alias(each) for each in node.names]
    is_sorted = names == sorted(names)
    names.append(name)
    return f"from {module} import {', '.join(sorted(names) if is_sorted else names)}"


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name


def _fits(line: str, lines: list[str]) -> bool:
    return len(line) <= max([_WIDTH, *(len(each.rstrip()) for each in lines)])


def _end_of_imports(tree: ast.Module, lines: list[str]) -> int:
    """Return the number of lines before the place of a further import.

    Behind the first imports: those at the end of a module are there to come last.
    """
    end = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            break
        is_docstring = node is tree.body[0] and ast.get_docstring(tree, clean=False) is not None
        if isinstance(node, ast.Import | ast.ImportFrom) or is_docstring:
            end = max(end, node.end_lineno or 0)
    for node in tree.body:  # one that began on the same line may go on
        if node.lineno <= end < (node.end_lineno or 0):
            end = node.end_lineno or 0
    return end
