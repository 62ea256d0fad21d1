"""Which routes write: their arms must not share data."""

from flask_assay.model.rows import SpanKind
from flask_assay.recording.reader import Recording

__all__ = ["has_unsafe_method", "writing_routes"]

_SAFE = ("GET ", "HEAD ", "OPTIONS ")
_READING = ("select", "show", "explain", "values", "table")


def has_unsafe_method(route: str) -> bool:
    """Return whether a route is meant to write."""
    return not route.startswith(_SAFE)


def writing_routes(recording: Recording) -> frozenset[str]:
    """Return routes whose method or statements may change data."""
    found: set[str] = set()
    seen: dict[str, bool] = {}
    for row in recording.requests:
        if row.route in found:
            continue
        if has_unsafe_method(row.route):
            found.add(row.route)
            continue
        for span in row.spans:
            if span.kind == SpanKind.QUERY and _writes(span.name, seen):
                found.add(row.route)
                break
    return frozenset(found)


def _writes(statement: str, seen: dict[str, bool]) -> bool:
    if statement not in seen:
        text = statement.lstrip("( ").lower()
        hidden = any(f" {word} " in text for word in ("insert into", "delete from", "update"))
        is_plain = text.startswith(_READING) or (text.startswith("with") and not hidden)
        seen[statement] = bool(text) and not is_plain
    return seen[statement]
