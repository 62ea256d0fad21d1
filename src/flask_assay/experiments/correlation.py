"""What an answer handed out is sent back as the app hands it out now: tokens, cookies, ids.

A recorded request carries values that the app made up during the load, say the token of a login.
An app that is asked again makes up others and refuses the old ones. So the recorded answer and
the new one are laid beside each other, and later requests carry the new values.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from http.cookies import CookieError, SimpleCookie
from urllib.parse import quote_plus, urlsplit

from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.load.transcript import Heard

__all__ = ["Correlation", "is_same_answer"]

_LEAST = 8  # shorter ones are words and numbers that are equal by chance
_TOKEN = re.compile(rf"[!-~]{{{_LEAST},}}")
_START = re.compile(rf"(?<![A-Za-z0-9])(?=([!-~]{{{_LEAST}}}))")
_NUMBER = re.compile(r"([^/]+)/(\d+)(?![^/?#])")
_FIELD = re.compile(r"""\b(?:value|content)=["']([^"'<>]+)["']""")
# what itsdangerous signs with the time: the same content is as good with an older signature
_SIGNED = re.compile(r"(.+)\.[\w-]{6}\.[\w-]{27}")
_MADE_UP = re.compile(r"[^/]*\d[^/]*|[^/]{20,}")


class Correlation:
    """Learns from answers, and translates the requests that follow them."""

    def __init__(self) -> None:
        self._tokens: dict[str, dict[str, str]] = {}
        self._numbers: dict[tuple[str, str], str] = {}

    def learn(self, path: str, heard: Heard, answer: Answer) -> None:
        """Note what became of the values that a request was handed during the load.

        Args:
            path: Of the request.
            heard: The recorded answer.
            answer: The one to the same request now.
        """
        if heard.status != answer.status:
            return
        for old, new in _pairs(heard, answer):
            if old != new and _TOKEN.fullmatch(old) and _TOKEN.fullmatch(new):
                for was, now in {old: new, quote_plus(old): quote_plus(new)}.items():
                    self._tokens.setdefault(was[:_LEAST], {})[was] = now
        for place, old, new in _numbers(path, heard, answer):
            self._numbers[place, old] = new

    def translate(self, request: SentRequest) -> SentRequest:
        """Return a recorded request with the values of now."""
        if not self._tokens and not self._numbers:
            return request
        path, mark, query = request.path.partition("?")
        path = _NUMBER.sub(lambda m: f"{m[1]}/{self._numbers.get((m[1], m[2]), m[2])}", path)
        return replace(
            request,
            path=self._translated(path + mark + query),
            headers=tuple((name, self._translated(value)) for name, value in request.headers),
            body=self._translated(request.body.decode("latin-1")).encode("latin-1"),
        )

    def _translated(self, text: str) -> str:
        parts, end = [], 0
        for found in _START.finditer(text) if self._tokens else ():
            at = found.start()
            if at < end:
                continue
            for old, new in self._tokens.get(found[1], {}).items():
                after = text[at + len(old) : at + len(old) + 1]
                if text.startswith(old, at) and not after.isalnum():
                    parts += [text[end:at], new]
                    end = at + len(old)
                    break
        return "".join((*parts, text[end:]))


def is_same_answer(heard: Heard, answer: Answer) -> bool:
    """Whether an answer has the recorded status, and leads to the same place if it leads away.

    A page that refuses leads to the login where it led to its result before.
    """
    return heard.status == answer.status and _place(heard.location) == _place(answer.location)


def _place(location: str) -> str:
    return _MADE_UP.sub("*", urlsplit(location).path)


def _pairs(heard: Heard, answer: Answer) -> Iterator[tuple[str, str]]:
    """Yield old and new values that stand in the same place."""
    new_cookies = _cookies(answer.cookies)
    for name, old in _cookies(heard.cookies).items():
        new = new_cookies.get(name, old)
        if _said(old) != _said(new):
            yield old, new
    yield from _beside(urlsplit(heard.location).path.split("/"), answer.location)
    old_body, new_body = _json(heard.body), _json(answer.body)
    if old_body is not None:
        yield from _values(old_body, new_body)
    else:
        fields = [
            _FIELD.findall(body.decode(errors="replace")) for body in (heard.body, answer.body)
        ]
        if len(fields[0]) == len(fields[1]):
            yield from zip(*fields, strict=True)


def _beside(segments: list[str], location: str) -> Iterator[tuple[str, str]]:
    others = urlsplit(location).path.split("/")
    if len(segments) == len(others):
        yield from zip(segments, others, strict=True)


def _cookies(headers: tuple[str, ...]) -> dict[str, str]:
    found: dict[str, str] = {}
    for header in headers:
        try:
            found |= {name: morsel.coded_value for name, morsel in SimpleCookie(header).items()}
        except CookieError:
            continue
    return found


def _said(cookie: str) -> str:
    signed = _SIGNED.fullmatch(cookie)
    return signed[1] if signed else cookie


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except ValueError:
        return None


def _values(old: object, new: object) -> Iterator[tuple[str, str]]:
    if isinstance(old, str) and isinstance(new, str):
        yield old, new
    elif isinstance(old, dict) and isinstance(new, dict):
        for key in old.keys() & new.keys():
            yield from _values(old[key], new[key])
    elif isinstance(old, list) and isinstance(new, list):
        for one, other in zip(old, new, strict=False):
            yield from _values(one, other)


def _numbers(path: str, heard: Heard, answer: Answer) -> Iterator[tuple[str, str, str]]:
    """Yield collection, old and new number of what was made; a number alone says too little."""
    old, new = (_NUMBER.findall(urlsplit(each).path) for each in (heard.location, answer.location))
    for (place, was), (other, now) in zip(old, new, strict=False):
        if place == other:
            yield place, was, now
    made, now_made = _json(heard.body), _json(answer.body)
    if isinstance(made, dict) and isinstance(now_made, dict):
        ids = made.get("id"), now_made.get("id")
        if all(type(each) is int for each in ids):
            place = path.partition("?")[0].rstrip("/").rpartition("/")[2]
            yield place, str(ids[0]), str(ids[1])
