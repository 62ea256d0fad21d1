"""What the head of a response says, as flags of its row."""

from collections.abc import Callable

from flask_assay.model.rows import RequestFlag

__all__ = ["read_headers", "status_code"]

_MAX_STATUSES = 256
_STREAMED = int(RequestFlag.STREAMED)
_codes: dict[str, int] = {}


def status_code(status: str) -> int:
    """Return the number that a status line begins with, 0 if there is none."""
    found = _codes.get(status)
    if found is None:
        found = int(status[:3]) if status[:3].isdecimal() else 0
        if len(_codes) < _MAX_STATUSES:
            _codes[status] = found
    return found


def read_headers(headers: list[tuple[str, str]], status: str) -> tuple[int, int]:
    """Return the flags that follow from the headers, and the size of the body that they give."""
    flags = size = 0
    is_sized = False
    for name, value in headers:
        field = name.lower()
        if field == "content-length":
            is_sized = True
            size = int(value) if value.isdecimal() else 0
        elif field in _FACTS:
            flags |= _FACTS[field](value.lower())
    if not is_sized and status[:3] not in {"", "204", "304"}:
        flags |= _STREAMED
    return flags, size


def _cache_control(value: str) -> int:
    flags = 0
    if "no-store" in value or "private" in value:
        flags |= RequestFlag.NO_STORE
    if "max-age" in value:
        flags |= RequestFlag.HAS_MAX_AGE
    return int(flags)


def _vary(value: str) -> int:
    # Flask says so if the session was accessed.
    return int(RequestFlag.IDENTITY_READ) if "cookie" in value else 0


_FACTS: dict[str, Callable[[str], int]] = {
    "cache-control": _cache_control,
    "etag": lambda _: int(RequestFlag.HAS_VALIDATOR),
    "last-modified": lambda _: int(RequestFlag.HAS_VALIDATOR),
    "set-cookie": lambda _: int(RequestFlag.SETS_COOKIE),
    "vary": _vary,
}
