"""The shape of a SQL statement: its text without the values.

One normaliser for everything that compares statements, so that a statement seen by the probe,
by PostgreSQL and by an experiment is the same text. Literals and placeholders of every driver
become ``?``; lists and repeated rows collapse, so that their length does not matter.
"""

import re

__all__ = ["MAX_SHAPE_CHARS", "is_counted", "sql_shape", "statement_verb"]

MAX_SHAPE_CHARS = 6_000  # a longer shape is cut; it ends with "…"
MAX_INPUT_CHARS = 200_000  # what lies beyond is not looked at

# One alternative per token that changes. Double-quoted identifiers are matched to be kept,
# since what looks like a literal inside them is not one.
_TOKEN = re.compile(
    r"""
      (?P<keep> "(?:[^"]|"")*+" )
    | (?P<comment> --[^\n]*+ | /\*(?:[^*]|\*(?!/))*+(?:\*/|\Z) )
    | (?P<value>
          (?<![\w$])[eE]'(?:[^'\\]|\\.|'')*+(?:'|\Z)
        | (?<![\w$])(?:[bBxXnN]|[uU]&)?'(?:[^']|'')*+(?:'|\Z)
        | (?<![\w$])\$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)
        | %\(\w+\)s | %[sbt](?!\w) | (?<![\w$])\$\d+ | (?<![:\w]):[A-Za-z_]\w*
        | (?<![\w$.])(?:0[xX][\da-fA-F_]+|0[oO][0-7_]+|0[bB][01_]+)(?!\w)
        | (?<![\w$])(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?(?!\w)
      )
    | (?P<percent> %{2,} )
    | (?P<space> [\t\n\r\f\v]\s*+ | \ {2,}\s*+ | (?<=\ )[\t\n\r\f\v] )
    """,
    re.VERBOSE | re.DOTALL,
)
_SPACES = re.compile(r" {2,}")
_SAVEPOINT = re.compile(r"\b(sa_savepoint_)\d+")
_NEGATIVE = re.compile(r"(?<=[=(,<>])( ?)[-+] ?\?")
# An empty IN of SQLAlchemy is spelled as a condition that is never met.
_EMPTY_IN = re.compile(
    r"\bIN \((?:NULL\) (?:AND|OR) \(\? !?= \?|SELECT (?:[^()]|\([^()]*\))*+WHERE \? ?!= ?\?)\)",
    re.I,
)
_IN_LIST = re.compile(
    r"(\bIN ?\(|\bARRAY ?\[|\bANY ?\() ?([^(),\]]+?)(?: ?, ?\2)+ ?(?=[)\]])", re.I
)
_ROWS = re.compile(r"(\((?:[^()\"]|\"[^\"]*+\"|\((?:[^()]|\([^()]*+\))*+\))*+\))(?: ?, ?\1)+")
_VERB = re.compile(r"[\s(]*+([A-Za-z]+)")
_PLANNED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "TABLE"})


def sql_shape(sql: str) -> str:
    """Return the statement without its values.

    White space and comments collapse, literals and placeholders become ``?``, ``IN`` lists and
    identical rows of any number become one. ``NULL``, ``TRUE`` and ``FALSE`` stay: they steer plans.

    Args:
        sql: The text as it was sent to the driver, or as the server reports it.

    Returns:
        At most ``MAX_SHAPE_CHARS`` characters. Applying the function again changes nothing.

    Example:
        >>> sql_shape("SELECT *  FROM t WHERE id IN (1, 2, 3) AND name = 'O''Hara'")
        'SELECT * FROM t WHERE id IN (?) AND name = ?'
    """
    shape = _TOKEN.sub(_replace, sql[:MAX_INPUT_CHARS])
    shape = _SPACES.sub(" ", shape).strip(" ;")
    shape = _NEGATIVE.sub(r"\1?", shape)
    shape = _SAVEPOINT.sub(r"\1?", shape)
    if "(" in shape or "[" in shape:
        shape = _collapse(shape)
    if len(shape) > MAX_SHAPE_CHARS:
        shape = shape[: MAX_SHAPE_CHARS - 1] + "…"
    return shape


def statement_verb(shape: str) -> str:
    """Return the first keyword in capitals, "" if there is none."""
    found = _VERB.match(shape)
    return found[1].upper() if found else ""


def is_counted(shape: str) -> bool:
    """Whether PostgreSQL counts it with ``pg_stat_statements.track_utility = off``."""
    return statement_verb(shape) in _PLANNED


def _collapse(shape: str) -> str:
    shape = _EMPTY_IN.sub("IN (?)", shape)
    before = ""
    while before != shape:  # collapsed rows may make their neighbours alike
        before = shape
        shape = _ROWS.sub(r"\1", _IN_LIST.sub(r"\1\2", shape))
    return shape


def _replace(match: re.Match[str]) -> str:
    kind = match.lastgroup
    if kind == "keep":
        return match[0]
    if kind == "percent":
        return "%"
    return " " if kind in {"space", "comment"} else "?"
