"""The shape of a SQL statement: its text without the values.

One normaliser for everything that compares statements, so that a statement seen by the probe,
by PostgreSQL and by an experiment is the same text. Literals and placeholders of every driver
become ``?``; lists and repeated rows collapse, so that their length does not matter.
"""

import re

__all__ = ["MAX_SHAPE_CHARS", "is_counted", "sql_shape", "statement_verb"]

MAX_SHAPE_CHARS = 6_000  # a longer shape is cut; it ends with "…"
MAX_INPUT_CHARS = 200_000  # what lies beyond is not looked at

# A run of text that stays, then one token that may change. Runs are long and are passed over
# without a call into Python; words are taken whole, so no digit of ``t1`` looks like a number.
_TOKEN = re.compile(
    r"""
    (?P<run> (?:
        [^\W\d][\w$]*+(?!') | [^\w\s"'%:$\-/.] | \x20(?!\s|--|/\*) | -(?!-) | /(?!\*) | \.(?!\d)
      | :: | :(?![A-Za-z_:]) | "(?:[^"]|"")*+" )*+ )
    (?:
        (?P<space> (?: \s | --[^\n]*+ | /\*(?:[^*]|\*(?!/))*+(?:\*/|\Z) )++ )
      | (?P<word> [^\W\d][\w$]*+(?=') )?+
        (?P<value>
            (?<![\w$][eE])(?<=[eE])'(?:[^'\\]|\\.|'')*+(?:'|\Z)
          | '(?:[^']|'')*+(?:'|\Z)
          | \$(?P<tag>[A-Za-z_]\w*|)\$.*?(?:\$(?P=tag)\$|\Z)
          | %\(\w+\)s | %[sbt](?!\w) | \$\d++ | :[A-Za-z_]\w*+
          | 0[xX][\da-fA-F_]++ | 0[oO][0-7_]++ | 0[bB][01_]++
          | (?:\d[\d_]*+(?:\.[\d_]*+)?|\.\d[\d_]*+)(?:[eE][+-]?\d++)?
        )
      | (?P<percent> %{2,} )
      | (?P<other> . )
      | \Z
    )
    """,
    re.VERBOSE | re.DOTALL,
)
_SAVEPOINT = re.compile(r"\b(sa_savepoint_)\d+")
_NEGATIVE = re.compile(r"(?<=[=(,<>])( ?)[-+] ?\?")
# An empty IN of SQLAlchemy is spelled as a condition that is never met.
_EMPTY_IN = re.compile(
    r"\bIN \((?:NULL\) (?:AND|OR) \(\? !?= \?|SELECT [^()]*+(?:\([^()]*+\))? ?WHERE \? ?!= ?\?)\)",
    re.IGNORECASE,
)
_IN_LIST = re.compile(
    r"(\bIN ?\(|\bARRAY ?\[|\bANY ?\() ?([^(),\]]+?)(?: ?, ?\2)+ ?(?=[)\]])", re.IGNORECASE
)
_ROWS = re.compile(r"(\((?:[^()\"]|\"[^\"]*+\"|\((?:[^()]|\([^()]*+\))*+\))*+\))(?: ?, ?\1)+")
# Some drivers write the type of each value beside it, others do not: the statement is the same.
_CAST = re.compile(
    r"\?(?: ?:: ?(?:DOUBLE PRECISION|(?:CHARACTER|BIT) VARYING"
    r"|TIME(?:STAMP)?(?: ?\( ?\? ?\))?(?: WITH(?:OUT)? TIME ZONE)?"
    r"|[\w.]+|\"[^\"]*+\")(?: ?\([?, ]*\))?(?:\[\])*)++",
    re.IGNORECASE,
)
_VERB = re.compile(r"[\s(]*+([A-Za-z]+)")
_PLANNED = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE", "WITH", "VALUES", "MERGE", "TABLE"})


def sql_shape(sql: str) -> str:
    """Return the statement without its values.

    White space and comments collapse, literals and placeholders become ``?`` with the types
    that are written beside them, ``IN`` lists and
    identical rows of any number become one. ``NULL``, ``TRUE``, ``FALSE`` stay: they steer plans.

    Args:
        sql: The text as it was sent to the driver, or as the server reports it.

    Returns:
        At most ``MAX_SHAPE_CHARS`` characters. Applying the function again changes nothing.

    Example:
        >>> sql_shape("SELECT *  FROM t WHERE id IN (1, 2, 3) AND name = 'O''Hara'")
        'SELECT * FROM t WHERE id IN (?) AND name = ?'
    """
    shape = _TOKEN.sub(_replace, sql[:MAX_INPUT_CHARS]).strip(" ;")
    # Looking for a text is many times cheaper than for a pattern.
    if "-?" in shape or "- ?" in shape or "+?" in shape or "+ ?" in shape:
        shape = _NEGATIVE.sub(r"\1?", shape)
    if "?::" in shape or "? ::" in shape:
        shape = _CAST.sub("?", shape)
    if "sa_savepoint_" in shape:
        shape = _SAVEPOINT.sub(r"\1?", shape)
    if "?!=" in shape or "? !=" in shape or "(NULL)" in shape:
        shape = _EMPTY_IN.sub("IN (?)", shape)
    if ", ?" in shape or ",?" in shape or ")," in shape or ") ," in shape:
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
    before = ""
    while before != shape:  # collapsed rows may make their neighbours alike
        before = shape
        shape = _ROWS.sub(r"\1", _IN_LIST.sub(r"\1\2", shape))
    return shape


def _replace(match: re.Match[str]) -> str:
    run, space, word, value, _, percent, other = match.groups()
    if value is not None:
        # E'…' is a spelling of '…'; the type of DATE'…' is part of the shape.
        return f"{run}{word}?" if word and word not in "eE" else f"{run}?"
    if space is not None:
        return f"{run} "
    return f"{run}%" if percent is not None else f"{run}{other or ''}"
