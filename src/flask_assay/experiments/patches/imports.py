"""Add an import to a module."""

import ast

__all__ = ["with_import"]


def with_import(text: str, module: str, name: str) -> str:
    """Return a module's text with ``from module import name``, unless it has that.

    Args:
        text: The module.
        module: Absolute name.
        name: What is imported of it.
    """
    imports = [
        node for node in ast.parse(text).body if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    of_module = [
        node for node in imports if isinstance(node, ast.ImportFrom)
        and node.module == module and node.level == 0
    ]  # fmt: skip
    if any(alias.name == name for node in of_module for alias in node.names):
        return text
    lines = text.splitlines(keepends=True)
    for node in of_module:
        if node.lineno == node.end_lineno and not lines[node.lineno - 1].rstrip().endswith(")"):
            names = sorted({*(_alias(each) for each in node.names), name})
            lines[node.lineno - 1] = f"from {module} import {', '.join(names)}\n"
            return "".join(lines)
    after = max((node.end_lineno or 0 for node in imports), default=0)
    lines.insert(after, f"from {module} import {name}\n")
    return "".join(lines)


def _alias(alias: ast.alias) -> str:
    return f"{alias.name} as {alias.asname}" if alias.asname else alias.name
