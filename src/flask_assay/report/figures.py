"""Quantities in words: the one place that picks units, digits and signs for all reports."""

import math
from collections.abc import Sequence

from flask_assay.model.finding import Evidence

__all__ = [
    "MINUS",
    "NOTHING",
    "byte_size",
    "change",
    "count",
    "evidence_note",
    "evidence_value",
    "interval",
    "number",
    "percent",
    "plural",
    "price",
    "seconds",
]

NOTHING = "–"
MINUS = "\N{MINUS SIGN}"
_LARGEST_COUNT = 1e15
_TIME_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))


def number(value: float, *, digits: int = 3) -> str:
    """Return a figure with ``digits`` significant digits, thousands grouped.

    >>> number(1234.5), number(0.04567), number(-2.5), number(float("nan"))
    ('1,234', '0.0457', '−2.5', '–')
    """
    if not math.isfinite(value):
        return NOTHING
    if value == 0:
        return "0"
    if abs(value) >= _LARGEST_COUNT or abs(value) < 1e-6:
        return f"{value:.{digits - 1}e}".replace("-", MINUS)
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return text.replace("-", MINUS)


def count(value: float) -> str:
    """Return a whole number, thousands grouped.

    >>> count(12345), count(float("inf"))
    ('12,345', '–')
    """
    if not abs(value) < _LARGEST_COUNT:  # NaN as well
        return number(value)
    return f"{round(value):,}".replace("-", MINUS)


def _time_unit(values: Sequence[float]) -> tuple[float, str]:
    largest = max((abs(v) for v in values if math.isfinite(v)), default=0.0)
    return next((u for u in _TIME_UNITS if largest >= u[0]), (1e-3, "ms"))


def seconds(value: float | None) -> str:
    """Return a duration given in seconds, in the unit that reads best.

    >>> seconds(0.0123), seconds(125), seconds(0), seconds(None)
    ('12.3 ms', '2 min 5 s', '0 ms', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    if 120 <= abs(value) < _LARGEST_COUNT:
        minutes, rest = divmod(round(abs(value)), 60)
        return f"{MINUS if value < 0 else ''}{minutes:,} min {rest} s"
    scale, unit = _time_unit([value])
    return f"{number(value / scale)} {unit}"


def change(value: float) -> str:
    """Return a difference in seconds, signed.

    >>> change(-0.124), change(0.0031)
    ('−124 ms', '+3.1 ms')
    """
    return f"+{seconds(value)}" if value > 0 else seconds(value)


def interval(low: float, high: float, *, signed: bool = False) -> str:
    """Return both ends of an interval in seconds, in one unit.

    >>> interval(0.041, 0.0452), interval(-0.131, -0.117, signed=True)
    ('41 – 45.2 ms', '−131 … −117 ms')
    """
    scale, unit = _time_unit([low, high])
    ends = [number(v / scale) for v in (low, high)]
    if signed:
        ends = [f"+{t}" if v > 0 else t for t, v in zip(ends, (low, high), strict=True)]
    return f"{(' … ' if signed else ' – ').join(ends)} {unit}"


def byte_size(value: float | None) -> str:
    """Return a size in bytes, in binary steps.

    >>> byte_size(512), byte_size(2_400_000), byte_size(None)
    ('512 B', '2.29 MB', '–')
    """
    if value is None or not math.isfinite(value):
        return NOTHING
    for unit, step in (("GB", 2**30), ("MB", 2**20), ("KB", 2**10)):
        if abs(value) >= step:
            return f"{number(value / step)} {unit}"
    return f"{number(value)} B"


def percent(ratio: float) -> str:
    """Return a ratio of 0..1 as a percentage.

    >>> percent(0.4213), percent(0.0004), percent(1.0)
    ('42 %', '0.04 %', '100 %')
    """
    if not math.isfinite(ratio):
        return NOTHING
    return f"{number(ratio * 100, digits=2 if abs(ratio) < 0.9995 else 3)} %"


def plural(value: float, noun: str, nouns: str = "") -> str:
    """Return a count with its noun.

    >>> plural(1, "launch", "launches"), plural(2, "note")
    ('1 launch', '2 notes')
    """
    return f"{count(value)} {noun if value == 1 else nouns or noun + 's'}"


def evidence_value(evidence: Evidence) -> str:
    """Return the figure of a piece of evidence with its unit."""
    value = evidence.value
    text = value if isinstance(value, str) else number(value)
    if isinstance(value, int) or (isinstance(value, float) and value.is_integer()):
        text = count(value)
    return f"{text} {evidence.unit}".rstrip()


def evidence_note(evidence: Evidence) -> str:
    """Return what a piece of evidence stands on: its interval and its n; empty for plain facts."""
    parts = []
    if evidence.low is not None and evidence.high is not None:
        ends = f"{number(evidence.low)} – {number(evidence.high)} {evidence.unit}"
        parts.append(f"95 % interval {ends.rstrip()}")
    if evidence.n is not None:
        parts.append(f"n = {count(evidence.n)}")
    return " · ".join(parts)


def price(name: str, value: float) -> tuple[str, str]:
    """Return a price's name in words and its figure; the unit is read off the name.

    >>> price("index_bytes", 2_097_152), price("write_us_per_row", 1.05)
    (('index', '2 MB'), ('write per row', '1.05 µs'))
    """
    words, unit = name.split("_"), ""
    if "bytes" in words:
        words.remove("bytes")
        return " ".join(words) or "size", byte_size(value)
    for suffix, symbol in (("us", "µs"), ("ms", "ms"), ("s", "s"), ("ratio", "")):
        if suffix in words:
            words.remove(suffix)
            unit = symbol
            value, unit = (value * 100, "%") if suffix == "ratio" else (value, symbol)
            break
    return " ".join(words) or name, f"{number(value)} {unit}".rstrip()
