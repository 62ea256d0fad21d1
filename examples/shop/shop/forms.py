"""Reading requests: typed fields of a JSON body, page limits and cursors."""

from flask import request

from shop.errors import Problem

DEFAULT_LIMIT = 20
MAX_LIMIT = 100
MAX_ID = 2**31 - 1


def text_field(name: str, *, least: int = 1, most: int = 200, default: str | None = None) -> str:
    """Return a text of the JSON body; without a default it has to be there.

    Raises:
        Problem: 400, and the sentence names the field.
    """
    value = _body().get(name, default)
    if value is default and default is not None:
        return default
    if not isinstance(value, str) or not least <= len(value.strip()) <= most:
        raise Problem(400, f"{name!r} must be a text of {least} to {most} characters")
    if "\0" in value:
        raise Problem(400, f"{name!r} must not contain the NUL character")
    return value.strip()


def optional_text_field(name: str, *, most: int = 200) -> str | None:
    return text_field(name, most=most) if _body().get(name) is not None else None


def int_field(name: str, *, least: int, most: int = MAX_ID) -> int:
    value = _body().get(name)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise Problem(400, f"{name!r} must be a whole number from {least} to {most}")
    return value


def page_limit() -> int:
    """Return `?limit=`, at most MAX_LIMIT rows."""
    return min(_int_argument("limit", DEFAULT_LIMIT), MAX_LIMIT)


def cursor(name: str) -> int | None:
    """Return the id after (or before) which the page starts; None is the first page."""
    return _int_argument(name, None)


def cursor_pair(name: str) -> tuple[int, int] | None:
    """Return a cursor of two numbers, as in `?after=1999-42`; None is the first page."""
    raw = request.args.get(name)
    if raw is None:
        return None
    left, _, right = raw.partition("-")
    if not (left.isdecimal() and right.isdecimal()) or max(int(left), int(right)) > MAX_ID:
        raise Problem(400, f"{name!r} must be the cursor of a previous page")
    return int(left), int(right)


def _int_argument(name: str, default: int | None):
    raw = request.args.get(name)
    if raw is None:
        return default
    if not raw.isdecimal() or not 1 <= int(raw) <= MAX_ID:
        raise Problem(400, f"{name!r} must be a positive whole number")
    return int(raw)


def _body() -> dict:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        raise Problem(400, "the body must be a JSON object")
    return body
