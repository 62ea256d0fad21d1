"""Add to a call or a tuple in a text, in the way that it is laid out."""

import ast
import re

from flask_assay.experiments.patches.sources import line_end, lines_of

__all__ = ["with_first", "with_keyword"]

_INDENT = re.compile(r"\s*")


def with_keyword(text: str, call: ast.Call, added: str) -> str:
    """Return a text whose call has one keyword argument more, at its end.

    Args:
        text: A module.
        call: Of its syntax tree.
        added: The argument, "name=value".
    """
    lines = lines_of(text)
    close = (call.end_lineno or 0) - 1, (call.end_col_offset or 0) - 1
    given: list[ast.expr | ast.keyword] = [*call.args, *call.keywords]
    if not given:
        return _insert(lines, close, added)
    last = max(given, key=lambda each: (each.end_lineno or 0, each.end_col_offset or 0))
    end = (last.end_lineno or 0) - 1, last.end_col_offset or 0
    has_comma = "," in _code_between(lines, end, close)
    if lines[close[0]].encode()[: close[1]].strip():
        if has_comma:
            return _insert(lines, close, f" {added}")
        return _insert(lines, end, f", {added}")
    indent = _indent(lines[last.lineno - 1])
    lines.insert(close[0], f"{indent}{added}{',' if has_comma else ''}{line_end(text)}")
    return "".join(lines) if has_comma else _insert(lines, end, ",")


def with_first(text: str, value: ast.expr, added: str) -> str:
    """Return a text whose tuple has one element more, at its start; a dict becomes its last.

    Args:
        text: A module.
        value: A tuple with an element, or a dict, of its syntax tree.
        added: The element.
    """
    lines = lines_of(text)
    if not isinstance(value, ast.Tuple):
        end = (value.end_lineno or 0) - 1, value.end_col_offset or 0
        lines = lines_of(_insert(lines, end, ")"))
        return _insert(lines, (value.lineno - 1, value.col_offset), f"({added}, ")
    first = value.elts[0]
    if first.lineno == value.lineno:
        return _insert(lines, (first.lineno - 1, first.col_offset), f"{added}, ")
    indent = _indent(lines[first.lineno - 1])
    lines.insert(first.lineno - 1, f"{indent}{added},{line_end(text)}")
    return "".join(lines)


def _insert(lines: list[str], at: tuple[int, int], added: str) -> str:
    """Return the lines with something at a line and a column; columns count bytes."""
    number, column = at
    line = lines[number].encode()
    changed = (line[:column] + added.encode() + line[column:]).decode()
    return "".join([*lines[:number], changed, *lines[number + 1 :]])


def _code_between(lines: list[str], begin: tuple[int, int], end: tuple[int, int]) -> str:
    """Return what stands between two places, without comments."""
    found = [line.encode() for line in lines[begin[0] : end[0] + 1]]
    found[-1] = found[-1][: end[1]]
    found[0] = found[0][begin[1] :]
    return "".join(re.sub(r"#.*", "", line.decode()) for line in found)


def _indent(line: str) -> str:
    found = _INDENT.match(line)
    return found.group() if found else ""
