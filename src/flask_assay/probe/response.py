"""What the head of a response says, as flags of its row."""

from collections.abc import Callable

from flask_assay.model.rows import RequestFlag

__all__ = ["FACTS", "KNOWN_CODES", "NO_BODY", "learn", "length", "status_code"]

_MAX_KNOWN = 256  # status lines; spellings of header names
_NO_STORE = int(RequestFlag.NO_STORE)
_HAS_MAX_AGE, _HAS_VALIDATOR = int(RequestFlag.HAS_MAX_AGE), int(RequestFlag.HAS_VALIDATOR)
_SETS_COOKIE, _IDENTITY_READ = int(RequestFlag.SETS_COOKIE), int(RequestFlag.IDENTITY_READ)
NO_BODY = (0, 204, 304)  # statuses; 0 if there was none

KNOWN_CODES: dict[str, int] = {}  # by status line


def status_code(status: str) -> int:
    """Return the number that a status line begins with, 0 if there is none."""
    found = KNOWN_CODES.get(status)
    if found is None:
        found = int(status[:3]) if status[:3].isdecimal() else 0
        if len(KNOWN_CODES) < _MAX_KNOWN:
            KNOWN_CODES[status] = found
    return found


def length(value: str) -> int:
    """Return the size that Content-Length gives; the one fact that is not flags."""
    return int(value) if value.isdecimal() else 0


def _cache_control(value: str) -> int:
    value = value.lower()
    flags = _NO_STORE if "no-store" in value or "private" in value else 0
    return flags | (_HAS_MAX_AGE if "max-age" in value else 0)


def _vary(value: str) -> int:
    # Flask says so if the session was accessed.
    return _IDENTITY_READ if "cookie" in value.lower() else 0


_KNOWN: dict[str, Callable[[str], int]] = {
    "cache-control": _cache_control,
    "content-length": length,
    "etag": lambda _: _HAS_VALIDATOR,
    "last-modified": lambda _: _HAS_VALIDATOR,
    "set-cookie": lambda _: _SETS_COOKIE,
    "vary": _vary,
}
# What a header says, by its name as it is spelled, since lower() costs more than all the rest:
# flags from its value, or None if it says nothing.
FACTS: dict[str, Callable[[str], int] | None] = {}


def learn(name: str) -> Callable[[str], int] | None:
    """Return what a header of this name says, and keep it."""
    found = _KNOWN.get(name.lower())
    if len(FACTS) < _MAX_KNOWN:
        FACTS[name] = found
    return found
