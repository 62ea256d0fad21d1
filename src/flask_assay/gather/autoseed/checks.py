"""Simple conditions, read as limits on single columns.

PostgreSQL prints a condition in its own way: ``((rating >= 1) AND (rating <= 5))``,
``((state)::text = ANY ((ARRAY['new'::character varying, …])::text[]))``. What is read here only
makes candidates likely to pass; each candidate is still put to the whole condition.
"""

import re
from dataclasses import dataclass, replace
from typing import Any

__all__ = ["Limits", "read_limits"]

_CAST = r"(?:::[a-z][a-z ]*(?:\(\d+\))?)?"
_NAME = rf'\(*"?(?P<name>\w+)"?\)*{_CAST}\)*{_CAST}'
_NUMBER = rf"\(*'?(?P<number>-?\d+(?:\.\d+)?)'?\)*{_CAST}"
_OPERATOR = r"\s*(?P<operator>>=|<=|>|<|=)\s*"
_BOUND = re.compile(_NAME + _OPERATOR + _NUMBER)
_LENGTH = re.compile(
    r"(?:char_length|character_length|length)\(" + _NAME + r"\)*" + _OPERATOR + _NUMBER
)
_CHOICES = re.compile(_NAME + r"\s*=\s*ANY\s*\(\(*ARRAY\[(?P<list>.*?)\]")
_EQUAL = re.compile(_NAME + r"\s*=\s*(?P<text>'(?:[^']|'')*')")
_LITERAL = re.compile(r"'((?:[^']|'')*)'|(?<![\w.])(-?\d+(?:\.\d+)?)(?![\w.])")


@dataclass(frozen=True, slots=True)
class Limits:
    """What a column's values must keep to, as far as it was understood.

    Attributes:
        choices: The only values allowed; empty for no such list.
        lowest: Smallest number allowed.
        highest: Largest number allowed.
        shortest: Fewest characters allowed.
        longest: Most characters allowed.
    """

    choices: tuple[Any, ...] = ()
    lowest: float | None = None
    highest: float | None = None
    shortest: int | None = None
    longest: int | None = None


def read_limits(conditions: tuple[str, ...], column: str) -> Limits:
    """Return the limits that the conditions set on a column; ``VALUE`` is a domain's column."""
    limits = Limits()
    for condition in conditions:
        limits = _read_choices(limits, condition, column)
        without_length = _LENGTH.sub(" ", condition)
        for match in _LENGTH.finditer(condition):
            if match["name"] == column:
                limits = _with_length(limits, match["operator"], int(float(match["number"])))
        for match in _BOUND.finditer(without_length):
            if match["name"] == column:
                limits = _with_bound(limits, match["operator"], float(match["number"]))
    return limits


def _read_choices(limits: Limits, condition: str, column: str) -> Limits:
    found: list[Any] = []
    for match in _CHOICES.finditer(condition):
        if match["name"] == column:
            found += _literals(match["list"])
    if not found:
        for match in _EQUAL.finditer(condition):
            if match["name"] == column:
                found += _literals(match["text"])
    return replace(limits, choices=tuple(found)) if found else limits


def _literals(text: str) -> list[Any]:
    return [
        float(number) if "." in number else int(number) if number else quoted.replace("''", "'")
        for quoted, number in _LITERAL.findall(text)
    ]


def _with_bound(limits: Limits, operator: str, number: float) -> Limits:
    match operator:
        case ">=":
            return replace(limits, lowest=number)
        case ">":
            return replace(limits, lowest=number + 1)
        case "<=":
            return replace(limits, highest=number)
        case "<":
            return replace(limits, highest=number - 1)
    return limits


def _with_length(limits: Limits, operator: str, number: int) -> Limits:
    match operator:
        case ">=":
            return replace(limits, shortest=number)
        case ">":
            return replace(limits, shortest=number + 1)
        case "<=":
            return replace(limits, longest=number)
        case "<":
            return replace(limits, longest=number - 1)
    return replace(limits, shortest=number, longest=number)
