"""Plausible texts, by the column's name."""

import hashlib
import random
import re
import uuid
from collections.abc import Callable

from flask_assay.gather.autoseed.checks import Limits
from flask_assay.gather.autoseed.schema import Column
from flask_assay.gather.autoseed.words import (
    CITIES,
    COUNTRIES,
    CURRENCIES,
    FIRST_NAMES,
    LANGUAGES,
    LAST_NAMES,
    Prose,
)

__all__ = ["SEED_PASSWORD", "Texts"]

# What every seeded account's password is, where the column holds a hash as Werkzeug makes it.
SEED_PASSWORD = "password"  # noqa: S105 - data of a throw-away database

Sentence = Callable[[int], str]


class Texts:
    """Makes makers of text."""

    def __init__(self, rng: random.Random) -> None:
        self.prose = Prose(rng)
        self._rng = rng
        self._rules = [(re.compile(pattern), make) for pattern, make in self._named()]

    def maker(self, column: Column, limits: Limits, *, is_unique: bool) -> Sentence:
        """Return what makes this column's texts, within its length and, if so, all different."""
        make = self._by_name(column)
        room = min(column.max_length or 100_000, limits.longest or 100_000)
        least = limits.shortest or 0

        def text(n: int) -> str:
            made = make(n)
            if is_unique and (str(n) not in made or len(made) > room):
                made = _marked(made, _base36(n), room)
            made = made[:room]
            return made if len(made) >= least else made.ljust(least, "x")

        return text

    def _by_name(self, column: Column) -> Sentence:
        name = column.name.lower()
        if re.search(r"uuid|guid", name):
            return self._dashed if (column.max_length or 36) >= 36 else self._hex
        for pattern, make in self._rules:
            if pattern.search(name):
                return make
        prose = self.prose
        if column.max_length is None and column.type == "text":
            return lambda n: prose.cut(40, 400)
        if column.max_length is not None and column.max_length > 400:
            return lambda n: prose.cut(40, 300)
        return lambda n: prose.phrase(1, 3)

    def _named(self) -> list[tuple[str, Sentence]]:
        return [*self._secrets(), *self._people(), *self._places(), *self._things()]

    def _secrets(self) -> list[tuple[str, Sentence]]:
        rng = self._rng
        salt = f"{rng.getrandbits(64):016x}"
        hashed = hashlib.pbkdf2_hmac("sha256", SEED_PASSWORD.encode(), salt.encode(), 1_000).hex()
        stored = f"pbkdf2:sha256:1000${salt}${hashed}"
        return [
            (r"passw|pwd|pass_?hash", lambda n: stored),
            (r"token|secret|api_?key|hash|digest|checksum|uniquifier|nonce|session_id", self._hex),
        ]

    def _hex(self, n: int) -> str:
        return f"{self._rng.getrandbits(160):040x}"

    def _dashed(self, n: int) -> str:
        return str(uuid.UUID(int=self._rng.getrandbits(128), version=4))

    def _people(self) -> list[tuple[str, Sentence]]:
        pick = self._rng.choice
        return [
            (r"e_?mail", lambda n: f"{pick(FIRST_NAMES)}.{n}@mail.example".lower()),
            (
                r"user_?name|login|nick|handle|screen_name",
                lambda n: f"{pick(FIRST_NAMES)}{n}".lower(),
            ),
            (r"first_?name|given_?name|forename", lambda n: pick(FIRST_NAMES)),
            (r"last_?name|sur_?name|family_?name", lambda n: pick(LAST_NAMES)),
            (
                r"full_?name|display_?name|real_?name|author|contact|customer_?name",
                lambda n: f"{pick(FIRST_NAMES)} {pick(LAST_NAMES)}",
            ),
            (r"phone|mobile|fax", lambda n: f"+49 30 {self._rng.randrange(10**7):07d}"),
            (r"gender|^sex$", lambda n: pick(("f", "m", "x"))),
        ]

    def _places(self) -> list[tuple[str, Sentence]]:
        pick = self._rng.choice
        return [
            (r"city|town|birthplace", lambda n: pick(CITIES)),
            (r"country|nation", lambda n: pick(COUNTRIES)),
            (r"zip|postal|post_?code", lambda n: f"{self._rng.randrange(10**5):05d}"),
            (r"street|address", lambda n: f"{pick(LAST_NAMES)} street {n % 200 + 1}"),
            (r"currency", lambda n: pick(CURRENCIES)),
            (r"lang|locale", lambda n: pick(LANGUAGES)),
            (r"time_?zone|^tz$", lambda n: pick(("UTC", "Europe/Berlin", "Asia/Tokyo"))),
            (r"^ip$|ip_?addr|remote_addr", lambda n: f"10.0.{n // 250 % 250}.{n % 250 + 1}"),
        ]

    def _things(self) -> list[tuple[str, Sentence]]:
        pick, prose = self._rng.choice, self.prose
        states = ("active", "pending", "closed")
        return [
            (r"slug|permalink", lambda n: prose.phrase(2, 4).replace(" ", "-") + f"-{n}"),
            (r"avatar|image|photo|picture|thumb|logo|icon", lambda n: f"/static/img/{n}.png"),
            (r"url|link|href|website|homepage", lambda n: f"https://example.com/{n}"),
            (r"file_?name|path$|^file", lambda n: f"{prose.word()}-{n}.txt"),
            (r"mime|content_?type", lambda n: pick(("text/plain", "image/png"))),
            (r"color|colour", lambda n: f"#{self._rng.getrandbits(24):06x}"),
            (
                r"(^|_)(type|kind|method|mode|source|level|tier|role|channel)$",
                lambda n: pick(("standard", "basic", "extra")),
            ),
            (r"status|state$", lambda n: states[min(int(self._rng.expovariate(1)), 2)]),
            (r"version", lambda n: f"{n % 5 + 1}.{n % 11}.{n % 7}"),
            (
                r"sku|code|number|reference|isbn|serial",
                lambda n: f"{prose.word()[:3].upper()}-{n:06d}",
            ),
            (r"title|subject|headline|caption", lambda n: prose.phrase(2, 7).capitalize()),
            (r"summary|excerpt|teaser|about|bio|tagline", lambda n: prose.cut(60, 240)),
            (r"body|content|description|markdown|html|article", lambda n: prose.cut(300, 2_400)),
            (r"text|message|comment|note|review|answer|question", lambda n: prose.cut(40, 900)),
            (r"name|label|tag", lambda n: prose.phrase(1, 3).capitalize()),
        ]


def _base36(n: int) -> str:
    digits = "0123456789abcdefghijklmnopqrstuvwxyz"
    made = ""
    while n or not made:
        n, rest = divmod(n, 36)
        made = digits[rest] + made
    return made


def _marked(text: str, mark: str, room: int) -> str:
    """Put the mark into the text so that it stays within its room; where an address, before @."""
    head, at, tail = text.partition("@")
    spare = room - len(mark) - len(at) - len(tail) - 1
    if spare < 1:
        return mark[-room:]
    return f"{head[:spare]}{'.' if at else '-'}{mark}{at}{tail}"
