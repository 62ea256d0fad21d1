"""Derives journeys from the app's own routes and from values of its real rows.

So an app gets a first load with no configuration. Whatever cannot be derived is listed
with its reason; no row is invented.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import takewhile
from typing import Any
from urllib.parse import quote

from flask_assay.load.parameters import Parameter, ParameterError, ParameterSource, Table
from flask_assay.load.plan import Exchange, Journey

__all__ = ["Journeys", "Skipped", "derive", "ends_session"]

SAFE_METHODS = ("GET", "HEAD")
EXCHANGE_LIMIT = 50
PLACEHOLDER = re.compile(
    r"<(?:(?P<converter>[a-zA-Z_][a-zA-Z0-9_]*)(?:\((?P<arguments>[^>]*)\))?:)?(?P<name>\w+)>"
)
Values = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Skipped:
    """A route that gets no load.

    Attributes:
        route: "POST /orders".
        reason: Why not, and what would change it.
    """

    route: str
    reason: str


@dataclass(frozen=True, slots=True)
class Journeys:
    """What was derived, and what was not.

    Attributes:
        journeys: In the order of the routes.
        skipped: In the order of the routes.
    """

    journeys: tuple[Journey, ...]
    skipped: tuple[Skipped, ...]


_ENDS_SESSION = re.compile(r"\b(log|sign)[-_]?(out|off)\b", re.IGNORECASE)


def derive(
    routes: Iterable[Mapping[str, Any]],
    parameter_values: Mapping[str, Table],
    *,
    exchange_limit: int = EXCHANGE_LIMIT,
) -> Journeys:
    """Return a journey for each route that only reads and whose parameters can be filled.

    Args:
        routes: As in ``app.json``: "rule", "endpoint", "methods", "other_host".
        parameter_values: Table → column → values of real rows. Where all columns of a table
            are equally long, the same position is the same row.
        exchange_limit: Most concrete requests per route.

    Returns:
        One journey per route; GET is preferred to HEAD.
    """
    source = ParameterSource(parameter_values)
    found: list[Journey] = []
    skipped: list[Skipped] = []
    for route in routes:
        for method in _methods(route):
            made = _journey(route, method, source, exchange_limit)
            if isinstance(made, Journey):
                found.append(made)
            else:
                skipped.append(Skipped(f"{method} {route['rule']}", made))
    return Journeys(tuple(found), tuple(skipped))


def ends_session(name: str) -> bool:
    """Whether a route's name says that it signs the user out.

    Example:
        >>> ends_session("GET /account/log-out"), ends_session("GET /blog/outline")
        (True, False)
    """
    return _ENDS_SESSION.search(name) is not None


def _journey(
    route: Mapping[str, Any], method: str, source: ParameterSource, limit: int
) -> Journey | str:
    if unwanted := _unwanted(route):
        return unwanted
    if method not in SAFE_METHODS:
        return f"{method} is sent by a locustfile only"
    rule = str(route["rule"])
    try:
        filled = source.fill(_parameters(rule), limit)
    except ParameterError as error:
        return str(error)
    return Journey(rule, method, tuple(Exchange(_path(rule, values)) for values in filled))


def _unwanted(route: Mapping[str, Any]) -> str:
    """Return why a route gets no load whatever its method and parameters are; "" if it may."""
    endpoint = str(route["endpoint"])
    if endpoint.rpartition(".")[2] == "static" or endpoint.startswith("_debug_toolbar"):
        return "serves files, not the app's work"
    if route.get("other_host"):
        return f"answers under the host name {route['other_host']} only; a locustfile can send it"
    if ends_session(f"{endpoint} {route['rule']}"):
        return "signs the user out, and every later request with it"
    return ""


def _methods(route: Mapping[str, Any]) -> list[str]:
    """Return the methods that do different work: HEAD is GET again, OPTIONS is Flask's."""
    methods = [str(method).upper() for method in route["methods"]]
    return [
        method
        for method in sorted(methods)
        if method != "OPTIONS" and not (method == "HEAD" and "GET" in methods)
    ]


def _parameters(rule: str) -> list[Parameter]:
    return [
        Parameter(
            name=match["name"],
            converter=match["converter"] or "string",
            arguments=match["arguments"] or "",
            before=_segment_before(rule, match.start()),
            earlier=_segments_earlier(rule, match.start()),
        )
        for match in PLACEHOLDER.finditer(rule)
    ]


def _segment_before(rule: str, at: int) -> str:
    """Return the last literal path segment before a placeholder: "items" in /items/<id>."""
    literal = [part for part in rule[:at].split("/") if part and "<" not in part]
    return literal[-1] if literal else ""


def _segments_earlier(rule: str, at: int) -> tuple[str, ...]:
    """Return the literals before the last one: "orders" in /orders/cancel/<id>."""
    parts = [part for part in rule[:at].split("/") if part]
    literal = list(takewhile(lambda part: "<" not in part, reversed(parts)))
    return tuple(literal[1:])


def _path(rule: str, values: Values) -> str:
    def fill(match: re.Match[str]) -> str:
        safe = "/" if match["converter"] == "path" else ""
        return quote(str(values[match["name"]]), safe=safe)

    parts, at = [], 0
    for match in PLACEHOLDER.finditer(rule):
        parts += [_literal(rule[at : match.start()]), fill(match)]
        at = match.end()
    return "".join([*parts, _literal(rule[at:])])


def _literal(text: str) -> str:
    """Quote what a rule says as it is: umlauts, spaces, per cent signs."""
    return quote(text, safe="/:@!$&'()*+,;=~")
