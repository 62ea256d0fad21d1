"""Explain the statements that ran, with real parameters, and keep shapes only.

Full statements come from the private side files of the probe; they die with the run.
``EXPLAIN (ANALYZE)`` executes, so each runs in a subtransaction that is rolled back, on the
database as the load left it.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from flask_assay.errors import AssayError
from flask_assay.services.psql import literal

__all__ = ["explain", "private_statements"]

Query = Callable[[str], list[tuple[str, ...]]]

_READS = re.compile(r"\s*(select|with|update|delete|insert)\b", re.IGNORECASE)
_LITERAL = re.compile(r"'(?:[^']|'')*'(?:::[a-z_ ]+(?:\[\])?)?|\b\d+(?:\.\d+)?\b", re.IGNORECASE)
_CONDITIONS = ("Filter", "Index Cond", "Recheck Cond", "Hash Cond", "Join Filter", "Merge Cond",
               "One-Time Filter", "TID Cond", "Sort Key", "Group Key", "Presorted Key",
               "Cache Key", "Output", "Function Call", "Conflict Filter")  # fmt: skip
_MOST_STATEMENTS = 300
_MOST_OF_SHAPE = 3
_TIMEOUT_MS = 5000
_FUNCTION = """
CREATE FUNCTION pg_temp.assay_explained(asked text) RETURNS text LANGUAGE plpgsql AS $assay$
DECLARE found json;
BEGIN
 EXECUTE 'EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) ' || asked INTO found;
 RAISE EXCEPTION USING ERRCODE = 'UNDO0';
EXCEPTION
 WHEN SQLSTATE 'UNDO0' THEN RETURN found;
 WHEN query_canceled OR OTHERS THEN RETURN NULL;
END $assay$;
"""


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
    wanted = {
        shape: [sql for sql in full[:_MOST_OF_SHAPE] if _READS.match(sql)]
        for shape, full in list(statements.items())[:_MOST_STATEMENTS]
    }
    plans: list[dict[str, Any]] = []
    left = wanted
    for ask in asks:
        # a statement does not say which of the app's databases it ran in: the first that knows it
        found = _measured(ask, left)
        plans += (_slowest(shape, measured) for shape, measured in found.items())
        left = {shape: full for shape, full in left.items() if shape not in found}
    return {"plans": plans, "unexplained_count": len(left)}


def _measured(
    ask: Query, statements: Mapping[str, Sequence[str]]
) -> dict[str, list[dict[str, Any]]]:
    """Return what EXPLAIN told, by shape; all in one session, as each one costs a process."""
    asked = [(shape, sql) for shape, full in statements.items() for sql in full]
    if not asked:
        return {}
    calls = (
        f"SELECT {number}, pg_temp.assay_explained({literal(sql.rstrip().rstrip(';'))});"
        for number, (_, sql) in enumerate(asked)
    )
    try:
        rows = ask("\n".join((_FUNCTION, f"SET statement_timeout = {_TIMEOUT_MS};", *calls)))
    except AssayError:
        return {}
    found: dict[str, list[dict[str, Any]]] = {}
    for number, told in rows:
        if told:  # else volatile data: the row is gone, a constraint hit, the time is up
            found.setdefault(asked[int(number)][0], []).append(json.loads(told)[0])
    return found


def _slowest(shape: str, measured: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    slowest = max(measured, key=lambda found: float(found.get("Execution Time", 0)))
    tree = _without_literals(slowest["Plan"])
    return {
        "statement": shape,
        "tree": tree,
        "text": list(_lines(tree)),
        "execution_s": float(slowest.get("Execution Time", 0)) / 1000,
        "n": len(measured),
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
