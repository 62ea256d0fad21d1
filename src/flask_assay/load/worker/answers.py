"""What a virtual user was handed by an answer and may send back later: tokens, cookies, ids."""

from typing import Any

from flask_assay.load.transcript import Heard

__all__ = ["ANSWER_LIMIT", "heard"]

ANSWER_LIMIT = 16_384  # what is handed out for sending it back is short
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def heard(method: str, response: Any) -> Heard | None:
    """Return what is worth keeping of an answer, None if nothing is.

    Args:
        method: Of the request; what only reads hands something out if it sets a cookie.
        response: Of ``requests`` or of geventhttpclient, its body read.
    """
    headers = getattr(getattr(response, "raw", None), "headers", None)
    headers = getattr(response, "headers", None) if headers is None else headers
    status = getattr(response, "status_code", 0) or 0
    if headers is None or not status:
        return None
    cookies = tuple(map(_text, headers.getlist("Set-Cookie")))
    if method in _SAFE and not cookies:
        return None
    location = next(map(_text, headers.getlist("Location")), "")
    return Heard(status, cookies, location, _body(response))


def _body(response: Any) -> bytes:
    """Return a short body that the client has read already; a stream is its user's to read."""
    body = getattr(response, "_content", None)
    if not isinstance(body, bytes):
        body = getattr(response, "_cached_content", None)
    return body if isinstance(body, bytes) and len(body) <= ANSWER_LIMIT else b""


def _text(value: Any) -> str:
    return value.decode("latin-1") if isinstance(value, bytes) else str(value)
