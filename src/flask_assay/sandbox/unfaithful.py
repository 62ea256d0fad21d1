"""What the text of one statement says about it alone: that a rollback could not show it."""

import re

from flask_assay.sandbox.statements import Kind, Statement

__all__ = ["functions_made", "unfaithful"]

_BY_KIND = {
    Kind.END: ("literal-begin", "SQL text manages the transaction"),
    Kind.BEGIN: ("literal-begin", "SQL text manages the transaction"),
    Kind.LISTEN: ("listen", "notifications are delivered by a real commit"),
    Kind.PREPARE_TRANSACTION: ("two-phase", "a two-phase commit needs a real commit"),
}
_TEMPORARY = re.compile(r"\bon\s+commit\s+(?:drop|delete)\b", re.IGNORECASE)
_ISOLATION = frozenset({"isolation", "transaction_isolation"})
_FUNCTION = re.compile(
    r"\b(?:function|procedure)\s+(?:[\w$\"]+\s*\.\s*)?\"?([\w$]+)", re.IGNORECASE
)


def unfaithful(statement: Statement) -> tuple[str, str] | None:
    """Return why a transaction that is rolled back cannot show a statement.

    Returns:
        A short name, stable over releases, and the mechanism; None if nothing is known.

    Example:
        >>> from flask_assay.sandbox.statements import classify
        >>> unfaithful(classify("LISTEN jobs"))
        ('listen', 'notifications are delivered by a real commit')
    """
    by_kind = _BY_KIND.get(statement.kind)
    if by_kind is not None:
        return by_kind
    if statement.kind is Kind.SET_TRANSACTION:
        return _of_set_transaction(statement.words)
    if statement.kind is Kind.SET and statement.name == "all":
        return "reset", "RESET ALL would reset every connection of the test"
    return _of_words(statement)


def _of_set_transaction(words: frozenset[str]) -> tuple[str, str] | None:
    if "characteristics" in words:
        return "isolation", "what a session's transactions are like shows in real ones only"
    if not words.isdisjoint(_ISOLATION):
        return "isolation", "isolation needs a real transaction"
    return None


def _of_words(statement: Statement) -> tuple[str, str] | None:
    words = statement.words
    is_temporary = "temp" in words or "temporary" in words
    if is_temporary and _TEMPORARY.search(statement.text):
        return "on-commit", "ON COMMIT needs a real commit"
    if "pg_export_snapshot" in words:
        return "snapshot", "an exported snapshot needs a real commit"
    return None


def functions_made(statement: Statement) -> frozenset[str]:
    """Return the lower-case names of the functions that a statement makes or changes."""
    if statement.words.isdisjoint({"function", "procedure"}):
        return frozenset()
    return frozenset(name.lower() for name in _FUNCTION.findall(statement.text))
