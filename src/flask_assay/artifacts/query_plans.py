"""query-plans: what the executor did for each statement, read from EXPLAIN's JSON trees."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.view import View, artifact

__all__ = ["Scan", "StatementPlan", "query_plans"]

_JOIN_CONDITIONS = ("Hash Cond", "Merge Cond", "Join Filter")
_SCANS = {"Seq Scan", "Index Scan", "Bitmap Heap Scan", "Index Only Scan"}
_NAME = r'(?:"[^"]+"|[A-Za-z_]\w*)'
# An index serves a column that is read as text; a moment as its date is another value.
_CAST = r"::(?:text|name|bpchar|citext|varchar|character(?: varying)?)(?:\(\d+\))?(?:\[\])?(?!\w)"
_WHOLE = r"(?<![\w:])(?<!double )(?<!time )(?<!character )"  # neither a type nor a part of one
_COLUMN = (
    rf"\(*{_WHOLE}(?:(?P<{{0}}table>{_NAME})\.)?(?P<{{0}}column>{_NAME})"
    rf"\)*(?:{_CAST})?\)*(?!\w|\)*::)"
)
_VALUE = r"\(*(?:\$\d+|\?|'[^']*'|-?[\d.]+|true|false|ANY\b|\(InitPlan)"
_COMPARE = r"\s*(?P<op>=|<=|>=|<>|<|>)\s*"
_COLUMN_FIRST = re.compile(_COLUMN.format("") + _COMPARE + _VALUE)
_VALUE_FIRST = re.compile(_VALUE + r"\)*(?:::[\w ]+)?\)*" + _COMPARE + _COLUMN.format(""))
_BOTH = re.compile(_COLUMN.format("l") + r"\s*=\s*" + _COLUMN.format("r"))
_WORDS = {"true", "false", "null", "any", "and", "or", "not"}


@dataclass(slots=True)
class Scan:
    """One visit of a table within a plan.

    Attributes:
        node_type: "Seq Scan", "Index Scan" …
        table: Bare name.
        schema: Empty if the plan does not say.
        alias: Name under which the statement knows it.
        rows_kept: Rows it handed on, all loops together.
        rows_removed: Rows it read and threw away, all loops together.
        loops: How often it ran.
        time_ratio: Its own share of the plan's time, 0..1.
        equal_columns: Columns of its filter compared for equality with a value.
        range_columns: Columns of its filter compared otherwise.
        indexed_columns: Columns that its index condition compared for equality.
        indexed_ranges: Columns that its index condition compared otherwise.
        join_columns: Its columns in the conditions of the join above it that kept fewest rows, of
            several the nearest.
        joined_rows: Rows that this join kept; None without a join.
        sort_columns: Columns by which the rows are sorted above it, if a LIMIT follows.
        limit_rows: Rows that this LIMIT let through; None without one.
    """

    node_type: str
    table: str
    schema: str
    alias: str
    rows_kept: float
    rows_removed: float
    loops: float
    time_ratio: float
    equal_columns: tuple[str, ...]
    range_columns: tuple[str, ...]
    indexed_columns: tuple[str, ...] = ()
    indexed_ranges: tuple[str, ...] = ()
    join_columns: tuple[str, ...] = ()
    joined_rows: float | None = None
    sort_columns: tuple[str, ...] = ()
    limit_rows: float | None = None

    @property
    def rows_read(self) -> float:
        """Rows looked at, all loops together."""
        return self.rows_kept + self.rows_removed


@dataclass(frozen=True, slots=True)
class StatementPlan:
    """One explained execution of a statement.

    Attributes:
        statement: Shape.
        scans: Visits of tables.
        rows_read: Rows that all scans looked at.
    """

    statement: str
    scans: tuple[Scan, ...]

    @property
    def rows_read(self) -> float:
        """Rows that all scans looked at."""
        return sum(scan.rows_read for scan in self.scans)


@dataclass(slots=True)
class _Above:
    """What the nodes above a scan do with its rows."""

    joins: list[tuple[str, float]] = field(default_factory=list)
    sort_keys: tuple[str, ...] = ()
    limit_rows: float | None = None


@artifact("query-plans")
def query_plans(view: View) -> Mapping[str, tuple[StatementPlan, ...]]:
    """Return plans by statement.

    Raises:
        UnavailableError: If the recording has no ``plans.json``.
    """
    entries = view.document("plans", "no statement was explained").get("plans")
    found: dict[str, tuple[StatementPlan, ...]] = {}
    for entry in entries if isinstance(entries, list) else []:
        tree = entry.get("tree") if isinstance(entry, dict) else None
        if isinstance(tree, list) and tree:
            tree = tree[0]
        if isinstance(tree, dict):
            root = tree.get("Plan", tree)
            statement = str(entry.get("statement", ""))
            plan = StatementPlan(statement, tuple(_scans(root, _total(root) or 1.0, _Above())))
            found[statement] = (*found.get(statement, ()), plan)
    return found


def _scans(node: Mapping[str, object], whole: float, above: _Above) -> Iterator[Scan]:
    kind = str(node.get("Node Type", ""))
    if kind in _SCANS and node.get("Relation Name"):
        yield _scan(node, whole, above)
    below = _below(node, kind, above)
    for child in _children(node):
        is_subplan = child.get("Parent Relationship") in {"SubPlan", "InitPlan"}
        yield from _scans(child, whole, _Above() if is_subplan else below)


def _below(node: Mapping[str, object], kind: str, above: _Above) -> _Above:
    rows = _number(node, "Actual Rows") * _number(node, "Actual Loops", 1)
    conditions = " AND ".join(str(node[name]) for name in _JOIN_CONDITIONS if name in node)
    joins = [(conditions, rows)] if conditions else []
    if kind == "Limit":
        return _Above(joins=above.joins, limit_rows=rows)
    if kind in {"Sort", "Incremental Sort"} and above.limit_rows is not None:
        keys = node.get("Sort Key")
        names = tuple(str(key) for key in keys) if isinstance(keys, list) else ()
        return _Above([*above.joins], names, above.limit_rows)
    if kind in {"Aggregate", "WindowAgg", "Unique", "HashAggregate", "GroupAggregate"}:
        return _Above(joins=[])
    return _Above([*above.joins, *joins], above.sort_keys, above.limit_rows)


def _scan(node: Mapping[str, object], whole: float, above: _Above) -> Scan:
    loops = _number(node, "Actual Loops", 1)
    alias = str(node.get("Alias") or node["Relation Name"])
    equal, ranged = _compared(str(node.get("Filter", "")), alias)
    indexed = _compared(_index_condition(node), alias)
    joins = [(found, rows) for text, rows in above.joins if (found := _joined(text, alias))]
    fewest = min((rows for _, rows in joins), default=None)
    own = _total(node) - sum(_total(child) for child in _children(node))
    return Scan(
        node_type=str(node["Node Type"]),
        table=str(node["Relation Name"]),
        schema=str(node.get("Schema", "")),
        alias=alias,
        rows_kept=_number(node, "Actual Rows") * loops,
        rows_removed=_number(node, "Rows Removed by Filter") * loops,
        loops=loops,
        time_ratio=min(1.0, max(0.0, own / whole)),
        equal_columns=equal,
        range_columns=ranged,
        indexed_columns=indexed[0],
        indexed_ranges=indexed[1],
        join_columns=next((found for found, rows in reversed(joins) if rows == fewest), ()),
        joined_rows=fewest,
        sort_columns=_sorted_by(above.sort_keys, alias),
        limit_rows=above.limit_rows,
    )


def _index_condition(node: Mapping[str, object]) -> str:
    texts = [str(node.get("Index Cond", ""))]
    texts += [_index_condition(child) for child in _children(node) if "Bitmap" in str(child)]
    return " AND ".join(text for text in texts if text)


# A boolean column asked to be false: true of many rows as a rule, and no hindrance to an index on
# the other columns.
_FLAG = re.compile(rf"\(NOT (?:{_NAME}\.)?{_NAME}\)(?: AND )?")
# The same is true of a column that only must have a value.
_PRESENT = re.compile(rf"\((?:{_NAME}\.)?{_NAME} IS NOT NULL\)(?: AND )?")


def _compared(text: str, alias: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return columns of a condition: (compared for equality, compared by range).

    Nothing is taken from parts with OR, which no single index serves; the other parts stand.
    """
    parts = [_PRESENT.sub("", _FLAG.sub("", part)) for part in _conjuncts(text)]
    text = " AND ".join(part for part in parts if " OR " not in part and "NOT " not in part)
    equal: dict[str, None] = {}
    ranged: dict[str, None] = {}
    for pattern in (_COLUMN_FIRST, _VALUE_FIRST):
        for match in pattern.finditer(text):
            if match.start() and text[match.start() - 1].isalnum():
                continue  # the argument of a function: a plain index does not serve it
            column = _own(match["table"], match["column"], alias)
            if column and match["op"] != "<>":
                (equal if match["op"] == "=" else ranged)[column] = None
    for column in _joined(text, alias):
        equal[column] = None
    return tuple(equal), tuple(column for column in ranged if column not in equal)


def _conjuncts(text: str) -> list[str]:
    """Return the parts that all must hold of a condition as EXPLAIN prints it.

    Example:
        >>> _conjuncts("((a = ?) AND ((b IS NULL) OR (b < ?)))")
        ['(a = ?)', '((b IS NULL) OR (b < ?))']
    """
    inner = text[1:-1] if text.startswith("(") and _closes_at(text, 0) == len(text) - 1 else text
    parts, at, start = [], 0, 0
    while at < len(inner):
        if inner[at] == "(":
            at = _closes_at(inner, at)
        elif inner.startswith(" AND ", at):
            parts.append(inner[start:at])
            start = at + 5
        at += 1
    return [*parts, inner[start:]] if parts else [text]


def _closes_at(text: str, opening: int) -> int:
    """Return where a bracket closes; the end of the text if it never does."""
    depth = 0
    for at in range(opening, len(text)):
        depth += (text[at] == "(") - (text[at] == ")")
        if depth == 0:
            return at
    return len(text)


def _joined(text: str, alias: str) -> tuple[str, ...]:
    """Return this relation's columns in ``a.x = b.y``, on whichever side they are.

    EXPLAIN leaves the name of the scanned relation away in its own conditions.
    """
    found = []
    for match in _BOTH.finditer(text):
        for side, other in (("l", "r"), ("r", "l")):
            ours, foreign = match[f"{side}table"], match[f"{other}table"]
            is_ours = ours is None or _bare(ours) == alias
            if is_ours and foreign is not None and _bare(foreign) != alias:
                found.append(_bare(match[f"{side}column"]))
    return tuple(dict.fromkeys(name for name in found if name.lower() not in _WORDS))


def _own(table: str | None, column: str, alias: str) -> str:
    name = _bare(column)
    if name.lower() in _WORDS or (table is not None and _bare(table) != alias):
        return ""
    return name


def _sorted_by(keys: tuple[str, ...], alias: str) -> tuple[str, ...]:
    """Return plain sort columns of one relation, or nothing if one is of another kind."""
    found = []
    for key in keys:
        match = re.fullmatch(
            rf"(?:({_NAME})\.)?({_NAME})(?: DESC| ASC)?(?: NULLS (?:FIRST|LAST))?", key
        )
        if match is None or (match[1] and _bare(match[1]) != alias):
            return ()
        found.append(_bare(match[2]))
    return tuple(found)


def _bare(name: str) -> str:
    return name.strip('"')


def _children(node: Mapping[str, object]) -> list[Mapping[str, object]]:
    plans = node.get("Plans")
    return [plan for plan in plans if isinstance(plan, dict)] if isinstance(plans, list) else []


def _total(node: Mapping[str, object]) -> float:
    return _number(node, "Actual Total Time") * _number(node, "Actual Loops", 1)


def _number(node: Mapping[str, object], name: str, default: float = 0.0) -> float:
    value = node.get(name)
    return float(value) if isinstance(value, int | float) else default
