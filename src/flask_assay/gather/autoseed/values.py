"""Plausible values for a column, by its type, its name and its limits.

Values are what JSON can carry: the server turns them into the column's type.
"""

import random
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any

from flask_assay.gather.autoseed.checks import Limits, read_limits
from flask_assay.gather.autoseed.hints import Hint
from flask_assay.gather.autoseed.schema import Column, Table
from flask_assay.gather.autoseed.texts import Texts

__all__ = ["Maker", "UnsupportedTypeError", "Values"]

Maker = Callable[[int], Any]

_INTEGERS = {"int2": 2**15 - 1, "int4": 2**31 - 1, "int8": 2**63 - 1, "oid": 2**31 - 1}
_TEXTS = {"varchar", "text", "bpchar", "citext", "name", "char"}
_MOSTLY_TRUE = re.compile(r"activ|enabled|publish|visible|verified|confirmed|approved|public")
_MOSTLY_FALSE = re.compile(
    r"admin|staff|super|delet|remov|ban|block|lock|hidden|archiv|spam|draft|private|disabled"
)
_HOLDS_JSON = re.compile(r"(^|_)json($|_)")
_MOSTLY_NULL = re.compile(
    r"delet|remov|archiv|ban|block|cancel|revok|expire|reset|refund|locked|error|reject"
)
_ISSUED = re.compile(r"token|otp|secret|nonce")
_INTEGER_NAMES: tuple[tuple[re.Pattern[str], int, int], ...] = (
    (re.compile(r"rating|stars|score$"), 1, 5),
    (re.compile(r"year"), 1990, 2026),
    (re.compile(r"month"), 1, 12),
    (re.compile(r"^day|_day$"), 1, 28),
    (re.compile(r"hour"), 0, 23),
    (re.compile(r"^age$|_age$"), 18, 90),
    (re.compile(r"percent|discount|progress"), 0, 90),
    (re.compile(r"position|order|sort|rank|level|depth|priority"), 0, 30),
    (re.compile(r"quantity|qty|pieces|seats"), 1, 12),
    (re.compile(r"price|amount|cents|total|cost|salary|balance|fee"), 99, 50_000),
)


class UnsupportedTypeError(Exception):
    """A required column has a type for which no value is known."""


class Values:
    """Makes makers of values.

    Args:
        rng: Source of every choice.
        today: The newest moment that data tells of; dates end here.
    """

    def __init__(self, rng: random.Random, today: datetime) -> None:
        self._rng = rng
        self._today = today
        self._texts = Texts(rng)
        self._by_type: Mapping[str, Callable[[Column], Maker]] = self._table_of_types()

    def maker(self, table: Table, column: Column, hint: Hint) -> Maker | None:
        """Return what makes this column's values, or None to leave it to its default.

        Raises:
            UnsupportedTypeError: If it is required, has no default and is of an unknown type.
        """
        limits = read_limits(table.checks, column.name)
        if column.checks:
            limits = read_limits(column.checks, "VALUE")
        is_unique = (column.name,) in table.uniques
        made = self._required(column, limits, hint, is_unique=is_unique)
        if made is None:
            if column.is_nullable or column.default is not None:
                return None
            raise UnsupportedTypeError(f"column {column.name}: no value known for {column.type}")
        # what the app always sets is never empty in its own rows
        is_plain = not is_unique or _ISSUED.search(column.name.lower())
        may_be_empty = column.is_nullable and is_plain and not hint.has_default
        return self._with_nulls(column, made) if may_be_empty else made

    def _with_nulls(self, column: Column, made: Maker) -> Maker:
        name = column.name.lower()
        # a token and its companions (expiry, secret) are set together or not at all
        share = 0.85 if _MOSTLY_NULL.search(name) else 0.08
        if _ISSUED.search(name):
            share = 1.0
        rng = self._rng

        def maybe(n: int) -> Any:
            return None if rng.random() < share else made(n)

        return maybe

    def _required(
        self, column: Column, limits: Limits, hint: Hint, *, is_unique: bool
    ) -> Maker | None:
        special = self._special(column, limits, hint)
        if special is not None:
            return special
        if column.element:
            return self._array(column)
        if column.type in _TEXTS:
            # A default says what a text of few values usually is; free text rarely has one.
            is_free = is_unique or not column.default or column.default.startswith("''")
            return self._texts.maker(column, limits, is_unique=is_unique) if is_free else None
        return self._plain(column, limits, is_unique=is_unique)

    def _plain(self, column: Column, limits: Limits, *, is_unique: bool) -> Maker | None:
        if column.type in _INTEGERS:
            return self._integer(column, limits, is_unique=is_unique)
        if column.type in {"numeric", "float4", "float8", "money"}:
            return self._number(column, limits)
        build = self._by_type.get(column.type)
        return build(column) if build else None

    def _special(self, column: Column, limits: Limits, hint: Hint) -> Maker | None:
        rng = self._rng
        if column.type in _TEXTS and _HOLDS_JSON.search(column.name.lower()):
            return lambda n: "{}"
        if hint.fixed is not None and column.type in _TEXTS | {"bytea"}:
            return lambda n: hint.fixed
        choices = hint.choices or limits.choices or (() if column.element else column.labels)
        if choices:
            shares = [rank**-1.2 for rank in range(1, len(choices) + 1)]
            return lambda n: rng.choices(choices, shares)[0]
        if hint.is_hex_uuid and column.type in _TEXTS | {"bytea"}:
            prefix = "\\x" if column.type == "bytea" else ""
            return lambda n: f"{prefix}{rng.getrandbits(128):032x}"
        if isinstance(hint.typical, str) and column.type in _TEXTS:
            return lambda n: hint.typical
        return None

    def _array(self, column: Column) -> Maker | None:
        element = Column(
            name=column.name.rstrip("s"),
            sql_name="",
            type=column.element,
            typmod=column.typmod,
            is_nullable=False,
            default=None,
            is_made=False,
            element="",
            labels=column.labels,
            checks=(),
        )
        one = self._required(element, Limits(), Hint(), is_unique=False)
        rng = self._rng
        return None if one is None else lambda n: [one(n) for _ in range(rng.randint(0, 4))]

    def _integer(self, column: Column, limits: Limits, *, is_unique: bool) -> Maker:
        rng, top = self._rng, _INTEGERS[column.type]
        lowest = 0 if limits.lowest is None else int(limits.lowest)
        highest = top if limits.highest is None else int(limits.highest)
        if is_unique:
            return lambda n: lowest + n if lowest + n <= highest else None
        named = [(low, high) for name, low, high in _INTEGER_NAMES if name.search(column.name)]
        if named or limits.highest is not None:
            low, high = named[0] if named else (lowest, highest)
            low, high = max(low, lowest), min(high, highest)
            if low > high:
                low, high = lowest, highest
            return lambda n: rng.randint(low, high)
        return lambda n: min(lowest + int(rng.paretovariate(0.8)) - 1, lowest + 9_999, highest)

    def _number(self, column: Column, limits: Limits) -> Maker:
        rng = self._rng
        scale, top = 2, 10_000.0
        if column.type == "numeric" and column.typmod > 4:
            packed = column.typmod - 4
            scale = packed & 0x3FF
            top = min(top, 10.0 ** ((packed >> 16) - scale) - 1)
        low, high = _span(column.name.lower(), top)
        low = low if limits.lowest is None else limits.lowest
        high = high if limits.highest is None else limits.highest
        high = max(low, high)
        digits = 6 if column.type.startswith("float") else scale
        # Skewed to the small, as prices are.
        return lambda n: round(low + (high - low) * rng.random() ** 2, digits)

    def _moment(self, form: str) -> Callable[[Column], Maker]:
        rng, today = self._rng, self._today

        def build(column: Column) -> Maker:
            is_ahead = re.search(r"expire|due|until|deadline|start|end|event", column.name.lower())
            is_birth = re.search(r"birth|born|dob", column.name.lower())

            def moment(n: int) -> str:
                days = rng.random() ** 2 * 700
                if is_birth:
                    days = 365 * 18 + rng.random() * 365 * 60
                at = today - timedelta(days=days)
                if is_ahead and rng.random() < 0.5:
                    at = today + timedelta(days=rng.random() * 60)
                return at.strftime(form)

            return moment

        return build

    def _table_of_types(self) -> Mapping[str, Callable[[Column], Maker]]:
        rng, prose = self._rng, self._texts.prose

        def always(make: Callable[[], Any]) -> Callable[[Column], Maker]:
            return lambda column: lambda n: make()

        moment = self._moment("%Y-%m-%d %H:%M:%S+00")
        return {
            "bool": self._boolean,
            "date": self._moment("%Y-%m-%d"),
            "timestamp": moment,
            "timestamptz": moment,
            "time": always(lambda: f"{rng.randrange(24):02}:{rng.randrange(60):02}:00"),
            "timetz": always(lambda: f"{rng.randrange(24):02}:{rng.randrange(60):02}:00+00"),
            "interval": always(lambda: f"{rng.randint(1, 5_000)} minutes"),
            "uuid": always(lambda: str(uuid.UUID(int=rng.getrandbits(128), version=4))),
            "json": always(lambda: {"note": prose.phrase(2, 6), "count": rng.randrange(50)}),
            "jsonb": always(lambda: {"note": prose.phrase(2, 6), "count": rng.randrange(50)}),
            "bytea": always(lambda: "\\x" + rng.randbytes(24).hex()),
            "inet": always(lambda: f"10.{rng.randrange(256)}.{rng.randrange(256)}.7"),
            "cidr": always(lambda: f"10.{rng.randrange(256)}.{rng.randrange(256)}.0/24"),
            "macaddr": always(lambda: rng.randbytes(6).hex(":")),
            "hstore": always(lambda: f'"note"=>"{prose.word()}"'),
            "ltree": always(lambda: f"{prose.word()}.{prose.word()}"),
            "tsvector": always(lambda: prose.phrase(3, 9)),
            "point": always(lambda: f"({rng.uniform(-90, 90):.5f},{rng.uniform(-90, 90):.5f})"),
            "bit": lambda column: lambda n: _bits(rng, max(column.typmod, 1)),
            "varbit": lambda column: (
                lambda n: _bits(rng, 8 if column.typmod < 1 else column.typmod)
            ),
            "int4range": always(lambda: _range(rng)),
            "int8range": always(lambda: _range(rng)),
            "numrange": always(lambda: _range(rng)),
            "daterange": self._period("%Y-%m-%d"),
            "tsrange": self._period("%Y-%m-%d %H:%M:%S"),
            "tstzrange": self._period("%Y-%m-%d %H:%M:%S+00"),
        }

    def _boolean(self, column: Column) -> Maker:
        rng, name = self._rng, column.name.lower()
        share = 0.5
        if _MOSTLY_TRUE.search(name):
            share = 0.9
        elif _MOSTLY_FALSE.search(name):
            share = 0.06
        return lambda n: rng.random() < share

    def _period(self, form: str) -> Callable[[Column], Maker]:
        rng, today = self._rng, self._today

        def period(n: int) -> str:
            start = today + timedelta(minutes=rng.randrange(-900_000, 90_000))
            end = start + timedelta(minutes=rng.randrange(30, 9_000) + 1_440)
            return f'["{start.strftime(form)}","{end.strftime(form)}")'

        return lambda column: period


def _span(name: str, top: float) -> tuple[float, float]:
    if re.search(r"^lat|latitude", name):
        return -60.0, 70.0
    if re.search(r"^lng|^lon|longitude", name):
        return -180.0, 180.0
    if re.search(r"rating|stars", name):
        return 1.0, min(5.0, top)
    if re.search(r"ratio|share|probability|rate$", name):
        return 0.0, min(1.0, top)
    return min(1.0, top), min(500.0, top)


def _bits(rng: random.Random, length: int) -> str:
    return f"{rng.getrandbits(length):0{length}b}"


def _range(rng: random.Random) -> str:
    start = rng.randrange(1_000)
    return f"[{start},{start + rng.randint(1, 100)})"
