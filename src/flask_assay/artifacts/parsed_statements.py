"""parsed-statements: what a statement asks for, read from its text and never inside the target."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.table_statistics import Table, tables_of
from flask_assay.artifacts.view import UnavailableError, View, artifact

try:
    import sqlglot
    from sqlglot import exp
except ImportError:  # part of the "run" extra; a report is also made without it
    sqlglot = None

__all__ = ["ParsedStatement", "parse_sql", "parsed_statements"]

_STATEMENTS_MAX = 1_000  # the most expensive ones; parsing takes about a millisecond each
_SQL_MAX = 20_000
_GENERATORS = ("unnest", "generate_series", "json", "regexp_split", "string_to_table")


@dataclass(frozen=True, slots=True)
class ParsedStatement:
    """Facts about a statement. ``tables`` and column sets hold bare names in lower case.

    Attributes:
        kind: "select", "insert", "update", "delete" or "other".
        tables: Tables named anywhere in it, in order.
        main_tables: Tables of the outermost FROM, derived tables looked through; without those of a
            LEFT JOIN, which add to rows and select none.
        has_limit: LIMIT or FETCH FIRST in the outermost select.
        limits_unordered: LIMIT without ORDER BY in the outermost select or a derived table, other
            than of the one row that has a unique key.
        has_where: WHERE there or in a derived table that it only wraps.
        is_count: Its result is one row with a count.
        is_aggregate: Its result is one row, or grouped.
        equal_columns: Columns compared for equality with a parameter, in the outermost select.
        is_locking: FOR UPDATE or FOR SHARE.
        outer_join_count: LEFT JOINs of the outermost FROM.
        unjoined: Two sources of one FROM that nothing connects; empty if all are connected.
    """

    kind: str
    tables: tuple[str, ...]
    main_tables: tuple[str, ...]
    has_limit: bool = False
    limits_unordered: bool = False
    has_where: bool = False
    is_count: bool = False
    is_aggregate: bool = False
    equal_columns: frozenset[str] = frozenset()
    is_locking: bool = False
    outer_join_count: int = 0
    unjoined: tuple[str, ...] = ()


@artifact("parsed-statements")
def parsed_statements(view: View) -> Mapping[str, ParsedStatement]:
    """Return the statements that could be parsed, by shape.

    Raises:
        UnavailableError: If sqlglot is not installed.
    """
    if sqlglot is None:
        raise UnavailableError("sqlglot is not installed (pip install 'flask-assay[run]')")
    tables = {table.name: table for table in tables_of(view.recording.document("tables"))}
    found = {}
    shapes = view[statement_shapes]
    for statement in list(shapes)[:_STATEMENTS_MAX]:
        parsed = parse_sql(statement, tables)
        if parsed is not None:
            found[statement] = parsed
    return found


def parse_sql(sql: str, tables: Mapping[str, Table]) -> ParsedStatement | None:
    """Return the facts of one statement, None if it cannot be read.

    Args:
        sql: Shape with "?" for literals and parameters.
        tables: Known tables by name; they tell whose an unqualified column is.
    """
    if len(sql) > _SQL_MAX:
        return None
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    try:
        tree = sqlglot.parse_one(sql, dialect="postgres")
    except (sqlglot.errors.SqlglotError, RecursionError):
        return None
    named = tuple(dict.fromkeys(t.name.lower() for t in tree.find_all(exp.Table) if t.name))
    if isinstance(tree, exp.Select):
        return _select(tree, named, tables)
    kinds: tuple[tuple[type, str], ...] = (
        (exp.Insert, "insert"),
        (exp.Update, "update"),
        (exp.Delete, "delete"),
        (exp.Query, "select"),
    )
    kind = next((name for kind, name in kinds if isinstance(tree, kind)), "other")
    has = tree.args if kind == "select" else {}
    return ParsedStatement(
        kind,
        named,
        named[:1],
        has_limit=bool(has.get("limit")),
    )


def _limits(tree: "exp.Select") -> bool:
    """Return whether a select cuts rows off; ``LIMIT ALL`` and ``OFFSET 0`` do not."""
    limit, offset = tree.args.get("limit"), tree.args.get("offset")
    if limit is None:
        return offset is not None and offset.expression.sql() != "0"
    return not isinstance(limit, exp.Limit) or limit.expression.sql().upper() not in {"ALL", "NULL"}


def _is_whole_or_derived(tree: "exp.Select") -> bool:
    """Return whether a select is the statement or a table of a FROM, not a value or a test."""
    if tree.parent is None:
        return True
    return isinstance(tree.parent, exp.Subquery) and isinstance(
        tree.parent.parent, exp.From | exp.Join
    )


def _select(
    tree: "exp.Select", named: tuple[str, ...], tables: Mapping[str, Table]
) -> ParsedStatement:
    inner = _looked_through(tree)
    return ParsedStatement(
        kind="insert" if _writes_inside(tree) else "select",
        tables=named,
        main_tables=tuple(t.name.lower() for t in _leading(inner) if isinstance(t, exp.Table)),
        has_limit=_limits(tree),
        limits_unordered=any(
            _limits(one) and not one.args.get("order") and not _is_one_by_key(one, tables)
            for one in tree.find_all(exp.Select)
            if _is_whole_or_derived(one)
        ),
        has_where=bool(tree.args.get("where") or inner.args.get("where")),
        is_count=len(tree.expressions) == 1
        and isinstance(tree.expressions[0].unalias(), exp.Count)
        and not tree.args.get("group"),
        is_aggregate=_is_aggregate(tree),
        equal_columns=_equal_columns(inner),
        is_locking=bool(tree.args.get("locks")),
        outer_join_count=len(_sources(tree)) - len(_leading(tree)),
        unjoined=_unjoined(tree, tables),
    )


def _looked_through(tree: "exp.Select") -> "exp.Select":
    """Return the select inside ``SELECT … FROM (SELECT …) AS anon_1``, else the select itself."""
    sources = _leading(tree)
    if len(sources) == 1 and isinstance(sources[0], exp.Subquery):
        inner = sources[0].this
        if isinstance(inner, exp.Select):
            return inner
    return tree


def _writes_inside(tree: "exp.Select") -> bool:
    return tree.find(exp.Insert, exp.Update, exp.Delete) is not None


def _is_aggregate(tree: "exp.Select") -> bool:
    if tree.args.get("group"):
        return True
    return bool(tree.expressions) and all(
        any(not _inside(found, exp.Window, one) for found in one.find_all(exp.AggFunc))
        for one in tree.expressions
    )


def _inside(node: "exp.Expression", kind: type, top: "exp.Expression") -> bool:
    while node is not top and node.parent is not None:
        node = node.parent
        if isinstance(node, kind):
            return True
    return False


def _equal_columns(tree: "exp.Select") -> frozenset[str]:
    """Return columns of ``column = ?`` and ``? = column`` that all must hold."""
    where = tree.args.get("where")
    if where is None:
        return frozenset()
    found = set()
    for part in where.this.flatten() if isinstance(where.this, exp.And) else [where.this]:
        bare = part.unnest()
        if isinstance(bare, exp.EQ):
            sides = [bare.this.unnest(), bare.expression.unnest()]
            columns = [side for side in sides if isinstance(side, exp.Column)]
            if len(columns) == 1:
                found.add(columns[0].name.lower())
    return frozenset(found)


def _sources(tree: "exp.Select") -> list["exp.Expression"]:
    start = tree.args.get("from_") or tree.args.get("from")
    joins = tree.args.get("joins") or []
    return ([start.this] if start is not None else []) + [join.this for join in joins]


def _leading(tree: "exp.Select") -> list["exp.Expression"]:
    """Return the sources without those of a LEFT JOIN."""
    beside = {id(join.this) for join in tree.args.get("joins") or [] if join.side == "LEFT"}
    return [source for source in _sources(tree) if id(source) not in beside]


def _names(source: "exp.Expression") -> list[str]:
    """Return the names by which conditions know a source; of joins in brackets, each table's."""
    is_bracket = isinstance(source, exp.Subquery) and not isinstance(source.this, exp.Query)
    own = [source.alias_or_name.lower()] if source.alias_or_name else []
    if not is_bracket:
        return own
    tables = source.find_all(exp.Table, exp.Subquery)
    return own + [each.alias_or_name.lower() for each in tables if each.alias_or_name]


def _unjoined(tree: "exp.Select", tables: Mapping[str, Table]) -> tuple[str, ...]:
    for select in tree.find_all(exp.Select):
        pair = _unjoined_pair(select, tables)
        if pair:
            return pair
    return ()


def _unjoined_pair(select: "exp.Select", tables: Mapping[str, Table]) -> tuple[str, ...]:
    sources = _sources(select)
    if len(sources) < 2:
        return ()
    # of joins in brackets all names lead to the first: their own conditions connect them
    group = {name: names[0] for source in sources if (names := _names(source)) for name in names}
    for join, source in zip(select.args.get("joins") or [], sources[1:], strict=True):
        if join.args.get("using") or join.method == "NATURAL" or _follows_others(source):
            for first, name in zip(_names(sources[0]), _names(source), strict=False):
                _unite(group, first, name)
    if not _unite_by_conditions(group, select, _owner_of(sources, tables)):
        return ()
    many = [source for source in sources if not _is_one_row(source, select, tables)]
    for source in many[1:]:
        if group[source.alias_or_name.lower()] != group[many[0].alias_or_name.lower()]:
            return (_title(many[0]), _title(source))
    return ()


def _unite_by_conditions(
    group: dict[str, str],
    select: "exp.Select",
    owner: Callable[["exp.Column"], str | None],
) -> bool:
    """Connect sources that a condition names together; return False if a column is a riddle."""
    for condition in _conditions(select):
        touched = {owner(column) for column in condition.find_all(exp.Column)}
        if None in touched:
            return False
        known = [name for name in touched if name in group]
        for other in known[1:]:
            _unite(group, str(known[0]), str(other))
    return True


def _unite(group: dict[str, str], left: str, right: str) -> None:
    old, new = group[right], group[left]
    for name, leader in group.items():
        if leader == old:
            group[name] = new


def _conditions(select: "exp.Select") -> list["exp.Expression"]:
    """Return each conjunct of WHERE and of every ON."""
    whole = [join.args.get("on") for join in select.args.get("joins") or []]
    where = select.args.get("where")
    whole.append(where.this if where is not None else None)
    found: list[exp.Expression] = []
    for one in whole:
        if one is not None:
            found.extend(one.flatten() if isinstance(one, exp.And) else [one])
    return found


def _owner_of(
    sources: list["exp.Expression"], tables: Mapping[str, Table]
) -> Callable[["exp.Column"], str | None]:
    """Return a function from a column to the source it belongs to, None if that is unknown."""
    columns = {
        source.alias_or_name.lower(): tables[source.name.lower()].column_names
        for source in sources
        if isinstance(source, exp.Table) and source.name.lower() in tables
    }

    def owner(column: "exp.Column") -> str | None:
        if column.table:
            return str(column.table).lower()
        owners = [name for name, known in columns.items() if column.name.lower() in known]
        return owners[0] if len(owners) == 1 else None

    return owner


def _follows_others(source: "exp.Expression") -> bool:
    """Return whether a source takes its rows from those beside it, or makes them itself."""
    if isinstance(source, exp.Lateral | exp.Unnest | exp.Values):
        return True
    if isinstance(source, exp.Table) and isinstance(source.this, exp.Func):
        return True
    return str(source.name).lower().startswith(_GENERATORS)


def _is_one_by_key(select: "exp.Select", tables: Mapping[str, Table]) -> bool:
    """Return whether a select reads one table, and its one row with a unique key."""
    sources = _leading(select)
    return (
        len(sources) == 1
        and isinstance(sources[0], exp.Table)
        and _is_one_row(sources[0], select, tables)
        and sources[0].name.lower() in tables
    )


def _is_one_row(
    source: "exp.Expression", select: "exp.Select", tables: Mapping[str, Table]
) -> bool:
    """Return whether a source is proven to hold one row."""
    if isinstance(source, exp.Subquery) and isinstance(source.this, exp.Select):
        inner = source.this
        is_single = _is_aggregate(inner) and not inner.args.get("group")
        return is_single or not _sources(inner)
    table = tables.get(source.name.lower()) if isinstance(source, exp.Table) else None
    if table is None:
        return not isinstance(source, exp.Table)
    equal = _equal_columns(select)
    return any(set(index.columns) <= equal for index in table.indexes if index.is_unique)


def _title(source: "exp.Expression") -> str:
    return str(source.name if isinstance(source, exp.Table) else source.alias_or_name).lower()
