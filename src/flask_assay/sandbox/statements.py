"""What a text of SQL asks for, as far as isolation is concerned.

This is no parser: it strips literals and comments, looks at the first keywords and collects
the words.  Where it cannot tell, it says ``WRITE``, which is the safe answer.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import Enum, auto
from functools import lru_cache

__all__ = ["Kind", "Statement", "classify", "shape"]


class Kind(Enum):
    """What a statement does to the state that a sandbox keeps."""

    READ = auto()
    WRITE = auto()
    SAVEPOINT = auto()
    RELEASE = auto()
    ROLLBACK_TO = auto()
    SET = auto()
    SET_LOCAL = auto()
    SET_TRANSACTION = auto()
    BEGIN = auto()
    END = auto()
    PREPARE_TRANSACTION = auto()
    LISTEN = auto()


@dataclass(frozen=True, slots=True)
class Statement:
    """One text of SQL, classified.

    Attributes:
        text: As it was sent.
        kind: What it does.
        name: Savepoint or setting that it names, else "".
        also: Further settings of a text that sets several and does nothing else.
        words: Lower-case words outside of literals and comments.
        is_ddl: It changes the catalog.
        locks: It takes advisory locks or row locks.
        uses_clock: It reads the transaction's clock.
        moves_sequences: It may advance or set a sequence.
        is_opaque: It runs something that its words do not show: DO, CALL, EXECUTE.
    """

    text: str
    kind: Kind
    name: str = ""
    also: tuple[str, ...] = ()
    words: frozenset[str] = frozenset()
    is_ddl: bool = False
    locks: bool = False
    uses_clock: bool = False
    moves_sequences: bool = False
    is_opaque: bool = False

    @property
    def is_write(self) -> bool:
        """Whether a rollback of this statement would undo something."""
        return self.kind is Kind.WRITE


_SKIP = re.compile(
    r"""
      --[^\n]*
    | /\*.*?\*/
    | \b[eE]'(?:[^'\\]|\\.|'')*'
    | '(?:[^']|'')*'
    | \$(?P<tag>(?:[A-Za-z_][A-Za-z0-9_]*)?)\$.*?\$(?P=tag)\$
    | "[^"]*"
    """,
    re.VERBOSE | re.DOTALL,
)
_WORD = re.compile(r"[a-z_][a-z0-9_$]*")
_SAVEPOINT = re.compile(r'savepoint\s+("[^"]+"|[\w$]+)$', re.IGNORECASE)
_RELEASE = re.compile(r'release\s+(?:savepoint\s+)?("[^"]+"|[\w$]+)$', re.IGNORECASE)
_ROLLBACK_TO = re.compile(
    r'rollback\s+(?:(?:work|transaction)\s+)?to\s+(?:savepoint\s+)?("[^"]+"|[\w$]+)$',
    re.IGNORECASE,
)
_SET = re.compile(
    r"(?:set\s+(?P<scope>local\s+|session\s+(?!authorization\b))?"
    r"(?P<name>time\s+zone|session\s+authorization|[\w.]+)\s*(?:=|\bto\b|\s|$)"
    r"|reset\s+(?P<reset>time\s+zone|session\s+authorization|[\w.]+))",
    re.IGNORECASE,
)
_SETTINGS = {"time zone": "timezone", "schema": "search_path", "names": "client_encoding"}
_OF_ONE_TRANSACTION = re.compile(
    r"set\s+(session\s+characteristics|transaction\b|((local|session)\s+)?transaction_)"
)
_TWO_PHASE = re.compile(r"prepare\s+transaction\b", re.IGNORECASE)
_READS = frozenset({"select", "show", "explain", "values", "table", "fetch", "move", "close"})
_CHANGES = frozenset({"insert", "update", "delete", "merge", "into"})
_DDL = frozenset({"create", "alter", "drop", "truncate", "comment", "grant", "revoke", "reindex"})
_CLOCK = frozenset(
    {
        "now",
        "current_timestamp",
        "current_date",
        "current_time",
        "localtimestamp",
        "localtime",
        "transaction_timestamp",
    }
)
_SEQUENCES = frozenset({"nextval", "setval"})
_OPAQUE = frozenset({"do", "call", "execute"})
_WRITING_FUNCTIONS = frozenset(
    {
        *("set_config", "pg_notify", "dblink", "dblink_exec"),
        *("lo_create", "lo_creat", "lo_import", "lo_unlink", "lo_from_bytea", "lo_put"),
        *("lo_open", "lowrite", "lo_truncate", "lo_truncate64"),
    }
)


@lru_cache(maxsize=8192)
def classify(text: str) -> Statement:
    """Say what a text of SQL does.

    Args:
        text: One or more statements, as sent to the driver (placeholders included).

    Returns:
        The classified statement.  For several statements in one text: the most
        consequential one, and the words of all.

    Example:
        >>> classify("SELECT 1").kind
        <Kind.READ: 1>
        >>> classify("INSERT INTO t VALUES (1); COMMIT").kind
        <Kind.END: 10>
    """
    bare = _SKIP.sub(_bare, text).strip().rstrip(";").strip()
    words = frozenset(_WORD.findall(bare.lower()))
    if ";" not in bare:
        kind, name = _kind_of(bare, words)
        return _with_flags(text, kind, name, words)
    parts = [part.strip() for part in bare.split(";") if part.strip()]
    kinds = [_kind_of(part, frozenset(_WORD.findall(part.lower()))) for part in parts]
    kind, name = max(kinds, key=lambda found: _CONSEQUENCE.get(found[0], 1))
    is_one_kind = kind in {Kind.SET, Kind.SET_LOCAL} and all(found[0] is kind for found in kinds)
    also = tuple(found[1] for found in kinds[1:]) if is_one_kind else ()
    return replace(_with_flags(text, kind, name, words), also=also)


@lru_cache(maxsize=4096)
def shape(text: str) -> str:
    """Return a statement without its literals, on one line, for messages.

    Example:
        >>> shape("SELECT *  FROM t WHERE name = 'Ann'")
        'SELECT * FROM t WHERE name = ?'
    """
    return " ".join(_SKIP.sub(_placeholder, text).split())[:300]


def _placeholder(match: re.Match[str]) -> str:
    found = match.group()
    if found.startswith('"'):
        return found
    return " " if found.startswith(("--", "/*")) else "?"


def _bare(match: re.Match[str]) -> str:
    """Leave out a literal; keep a quoted name, whose semicolons end no statement."""
    found = match.group()
    return found.replace(";", " ") if found.startswith('"') else " "


_CONSEQUENCE = {
    Kind.READ: 0,
    Kind.WRITE: 2,
    Kind.SET_LOCAL: 3,
    Kind.LISTEN: 4,
    Kind.BEGIN: 5,
    Kind.PREPARE_TRANSACTION: 6,
    Kind.END: 7,
}


def _with_flags(text: str, kind: Kind, name: str, words: frozenset[str]) -> Statement:
    found = [_WORD.search(part) for part in _SKIP.sub(_bare, text).lower().split(";")]
    firsts = frozenset(one.group() for one in found if one is not None)
    return Statement(
        text=text,
        kind=kind,
        name=name,
        words=words,
        is_ddl=not firsts.isdisjoint(_DDL),
        locks=_takes_locks(words),
        uses_clock=not words.isdisjoint(_CLOCK),
        moves_sequences=kind is Kind.WRITE or not words.isdisjoint(_SEQUENCES),
        is_opaque=not firsts.isdisjoint(_OPAQUE),
    )


def _takes_locks(words: frozenset[str]) -> bool:
    if "for" in words and not words.isdisjoint({"update", "share"}) and "select" in words:
        return True
    return any(word.startswith(("pg_advisory_", "pg_try_advisory_")) for word in words)


def _kind_of(bare: str, words: frozenset[str]) -> tuple[Kind, str]:
    head = _WORD.match(bare.lower())
    first = head.group() if head else ""
    special = _SPECIAL.get(first)
    if special is not None:
        return special(bare, words)
    if first in _READS or not first:
        return _read_or_write(words), ""
    return Kind.WRITE, ""


def _read_or_write(words: frozenset[str]) -> Kind:
    if words.isdisjoint(_WRITING_FUNCTIONS) and not _changes_rows(words):
        return Kind.READ
    return Kind.WRITE


def _changes_rows(words: frozenset[str]) -> bool:
    changes = words & _CHANGES
    if changes == {"update"} and "for" in words:
        return False
    return bool(changes)


def _savepoint(bare: str, _words: frozenset[str]) -> tuple[Kind, str]:
    match = _SAVEPOINT.match(bare)
    return (Kind.SAVEPOINT, _identifier(match.group(1))) if match else (Kind.WRITE, "")


def _release(bare: str, _words: frozenset[str]) -> tuple[Kind, str]:
    match = _RELEASE.match(bare)
    return (Kind.RELEASE, _identifier(match.group(1))) if match else (Kind.WRITE, "")


def _end(bare: str, words: frozenset[str]) -> tuple[Kind, str]:
    match = _ROLLBACK_TO.match(bare)
    if match:
        return Kind.ROLLBACK_TO, _identifier(match.group(1))
    return Kind.END, ""


def _identifier(text: str) -> str:
    return text[1:-1] if text.startswith('"') else text.lower()


def _prepare(bare: str, _words: frozenset[str]) -> tuple[Kind, str]:
    return Kind.PREPARE_TRANSACTION if _TWO_PHASE.match(bare) else Kind.WRITE, ""


def _set(bare: str, words: frozenset[str]) -> tuple[Kind, str]:
    lowered = bare.lower()
    if _OF_ONE_TRANSACTION.match(lowered):
        return Kind.SET_TRANSACTION, ""
    if re.match(r"set\s+constraints\b", lowered):
        return Kind.WRITE, ""
    match = _SET.match(lowered)
    if match is None:
        return Kind.WRITE, ""
    name = " ".join((match.group("reset") or match.group("name")).split())
    name = _SETTINGS.get(name, name)
    scope = (match.group("scope") or "").strip()
    return (Kind.SET_LOCAL if scope == "local" else Kind.SET), name


def _always(kind: Kind) -> "_Rule":
    def answer(_bare: str, _words: frozenset[str]) -> tuple[Kind, str]:
        return kind, ""

    return answer


def _with(_bare: str, words: frozenset[str]) -> tuple[Kind, str]:
    return _read_or_write(words), ""


_Rule = Callable[[str, frozenset[str]], tuple[Kind, str]]
_SPECIAL: dict[str, _Rule] = {
    "savepoint": _savepoint,
    "release": _release,
    "rollback": _end,
    "abort": _end,
    "commit": _end,
    "end": _end,
    "begin": _always(Kind.BEGIN),
    "start": _always(Kind.BEGIN),
    "prepare": _prepare,
    "set": _set,
    "reset": _set,
    "listen": _always(Kind.LISTEN),
    "unlisten": _always(Kind.LISTEN),
    "with": _with,
}
