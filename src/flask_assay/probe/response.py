"""What the head of a response says, as flags of its row."""

from collections.abc import Callable

from flask_assay.model.rows import RequestFlag

__all__ = ["KNOWN_CODES", "read_headers", "status_code"]

_MAX_KNOWN = 256  # status lines; spellings of header names
_STREAMED, _NO_STORE = int(RequestFlag.STREAMED), int(RequestFlag.NO_STORE)
_HAS_MAX_AGE, _HAS_VALIDATOR = int(RequestFlag.HAS_MAX_AGE), int(RequestFlag.HAS_VALIDATOR)
_SETS_COOKIE, _IDENTITY_READ = int(RequestFlag.SETS_COOKIE), int(RequestFlag.IDENTITY_READ)
_NO_BODY = (0, 204, 304)

KNOWN_CODES: dict[str, int] = {}  # by status line


def status_code(status: str) -> int:
    """Return the number that a status line begins with, 0 if there is none."""
    found = KNOWN_CODES.get(status)
    if found is None:
        found = int(status[:3]) if status[:3].isdecimal() else 0
        if len(KNOWN_CODES) < _MAX_KNOWN:
            KNOWN_CODES[status] = found
    return found


def read_headers(headers: list[tuple[str, str]], code: int) -> tuple[int, int]:
    """Return the flags that follow from the headers, and the size of the body that they give.

    Args:
        headers: Of the response.
        code: Its status, 0 if none.

    Returns:
        ``RequestFlag`` bits, and bytes; -1 if the headers give no size.
    """
    flags, size = 0, -1
    known = _by_spelling
    for name, value in headers:
        fact = known[name] if name in known else _learn(name)
        if fact is None:
            continue
        if fact is _length:
            size = _length(value)
        else:
            flags |= fact(value)
    if size < 0 and code not in _NO_BODY:
        flags |= _STREAMED
    return flags, size


def _length(value: str) -> int:
    return int(value) if value.isdecimal() else 0


def _cache_control(value: str) -> int:
    value = value.lower()
    flags = _NO_STORE if "no-store" in value or "private" in value else 0
    return flags | (_HAS_MAX_AGE if "max-age" in value else 0)


def _vary(value: str) -> int:
    # Flask says so if the session was accessed.
    return _IDENTITY_READ if "cookie" in value.lower() else 0


_FACTS: dict[str, Callable[[str], int]] = {
    "cache-control": _cache_control,
    "content-length": _length,
    "etag": lambda _: _HAS_VALIDATOR,
    "last-modified": lambda _: _HAS_VALIDATOR,
    "set-cookie": lambda _: _SETS_COOKIE,
    "vary": _vary,
}
# By the name as it is spelled: lower() costs more than all the rest.
_by_spelling: dict[str, Callable[[str], int] | None] = {}


def _learn(name: str) -> Callable[[str], int] | None:
    found = _FACTS.get(name.lower())
    if len(_by_spelling) < _MAX_KNOWN:
        _by_spelling[name] = found
    return found
