"""Explain the statements that ran, with real parameters, and keep shapes only.

Full statements come from the private side files of the probe; they die with the run.
``EXPLAIN (ANALYZE)`` executes, so each runs in a transaction that is rolled back, on the
database as the load left it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from flask_assay.errors import AssayError

__all__ = ["explain", "private_statements"]

Query = Callable[[str], list[tuple[str, ...]]]

_READS = re.compile(r"\s*(select|with|update|delete|insert)\b", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'(?:::[a-z_ ]+(?:\[\])?)?|\b\d+(?:\.\d+)?\b", re.IGNORECASE)
_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Join Filter", "Merge Cond",
               "One-Time Filter", "TID Cond", "Sort Key", "Group Key", "Presorted Key",
               "Cache Key", "Output", "Function Call", "Conflict Filter")  # fmt: skip
_MOST_STATEMENTS = 300
_TIMEOUT_MS = 5000


def private_statements(private: Path) -> dict[str, list[str]]:
    """Return full statements by shape, as the probe's side files hold them."""
    found: dict[str, list[str]] = {}
    for path in sorted(private.glob("parameters-*.jsonl")):
        for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn by the end of its writer
            found.setdefault(entry["statement"], []).append(entry["sql"])
    return found


def explain(asks: Collection[Query], statements: dict[str, list[str]]) -> dict[str, Any]:
    """Return the document ``plans.json``.

    Args:
        asks: One per database of the app: runs SQL there with our own role.
        statements: Full statements by shape.
    """
    plans: list[dict[str, Any]] = []
    failures = 0
    for shape in list(statements)[:_MOST_STATEMENTS]:
        # a statement does not say which of the app's databases it ran in: the first that knows it
        tries = (list(_measured(ask, shape, statements[shape])) for ask in asks)
        measured = next(filter(None, tries), [])
        if measured:
            slowest = max(measured, key=lambda plan: float(plan["execution_s"]))
            plans.append(slowest | {"n": len(measured)})
        else:
            failures += 1
    return {"plans": plans, "unexplained_count": failures}


def _measured(ask: Query, shape: str, full: list[str]) -> Iterator[dict[str, Any]]:
    for sql in full[:3]:
        if not _READS.match(sql):
            continue
        try:
            rows = ask(
                f"BEGIN; SET LOCAL statement_timeout = {_TIMEOUT_MS};"
                f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql.rstrip().rstrip(';')}; ROLLBACK"
            )
        except AssayError:
            continue  # volatile data: the row is gone, a constraint hit, the time is up
        text = "\n".join(
            row[0] for row in rows if row and row[0] not in {"BEGIN", "SET", "ROLLBACK"}
        )
        try:
            found = json.loads(text[text.index("[") : text.rindex("]") + 1])[0]
        except ValueError:
            continue
        tree = _without_literals(found["Plan"])
        yield {
            "statement": shape,
            "tree": tree,
            "text": list(_lines(tree)),
            "execution_s": float(found.get("Execution Time", 0)) / 1000,
        }


def _without_literals(node: dict[str, Any]) -> dict[str, Any]:
    kept = dict(node)
    for name in _CONDITIONS:
        if isinstance(kept.get(name), str):
            kept[name] = _LITERAL.sub("?", kept[name])
        elif isinstance(kept.get(name), list):
            kept[name] = [_LITERAL.sub("?", str(each)) for each in kept[name]]
    kept["Plans"] = [_without_literals(child) for child in node.get("Plans", ())]
    return kept


def _lines(node: dict[str, Any], depth: int = 0) -> Iterator[str]:
    indent = "  " * depth + ("-> " if depth else "")
    relation = f" on {node['Relation Name']}" if "Relation Name" in node else ""
    index = f" using {node['Index Name']}" if "Index Name" in node else ""
    loops = node.get("Actual Loops", 1)
    yield (
        f"{indent}{node['Node Type']}{index}{relation}"
        f"  (rows {node.get('Actual Rows', 0):g}, loops {loops:g}, "
        f"{node.get('Actual Total Time', 0) * loops:.3f} ms)"
    )
    pad = "  " * (depth + 2)
    for name in ("Index Cond", "Filter", "Hash Cond", "Join Filter", "Recheck Cond"):
        if name in node:
            yield f"{pad}{name}: {node[name]}"
    if node.get("Rows Removed by Filter"):
        yield f"{pad}Rows removed by filter: {node['Rows Removed by Filter']:g}"
    if node.get("Sort Key"):
        yield f"{pad}Sort key: {', '.join(map(str, node['Sort Key']))}"
    for child in node.get("Plans", ()):
        yield from _lines(child, depth + 1)
