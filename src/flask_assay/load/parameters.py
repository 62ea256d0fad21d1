"""Finds values for the parameters of a URL rule in the app's own data.

The table of a parameter is guessed from its name and its place: ``order_id`` is a key of
``orders``, ``id`` in ``/items/<int:id>`` is a key of ``items``, ``slug`` is a column of
that name in the table of the segment before it. Years, months and days are those of the rows'
dates; numbers that only say how many or which page are small ones.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

__all__ = ["Parameter", "ParameterError", "ParameterSource", "Table"]

Table = Mapping[str, Sequence[object]]
KEY_NAMES = ("id", "pk", "key")
CALENDAR = {"year": 0, "month": 1, "day": 2}  # parts of an ISO date
AMOUNTS = {"count", "limit", "size", "per_page", "top", "num", "amount", "days"}
PAGES = {"page", "page_number", "pagenum"}
ISO_DATE = re.compile(r"\d{4}-\d\d-\d\d")
ARGUMENT = re.compile(r"\s*(?:(\w+)\s*=\s*)?(?:\"([^\"]*)\"|'([^']*)'|([^,]+))\s*(?:,|$)")


class ParameterError(Exception):
    """A parameter has no values; the message says why."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One placeholder of a URL rule.

    Attributes:
        name: Its name.
        converter: Name of its converter ("int", "string", "uuid", "path", "float", "any" …).
        arguments: What stands in the converter's parentheses.
        before: The last literal path segment before it.
        earlier: Those before that one, up to another placeholder, the nearest first.
    """

    name: str
    converter: str = "string"
    arguments: str = ""
    before: str = ""
    earlier: tuple[str, ...] = ()

    def __str__(self) -> str:
        arguments = f"({self.arguments})" if self.arguments else ""
        return f"<{self.converter}{arguments}:{self.name}>"


class ParameterSource:
    """Values of real rows, by table and column.

    Args:
        tables: Table → column → values.
    """

    def __init__(self, tables: Mapping[str, Table]) -> None:
        self._tables = tables
        self._by_name = {_singular(name.lower()): name for name in reversed(list(tables))}

    def fill(self, parameters: Sequence[Parameter], limit: int) -> list[dict[str, object]]:
        """Return up to ``limit`` sets of values for all parameters together.

        Parameters found in one table are taken from the same row, so that
        ``/users/<user_id>/orders/<order_id>`` asks for orders of their user.

        Raises:
            ParameterError: If one of them has no values.
        """
        if not parameters:
            return [{}]
        return self._from_one_row(parameters, limit) or self._apart(parameters, limit)

    def _apart(self, parameters: Sequence[Parameter], limit: int) -> list[dict[str, object]]:
        columns = {each.name: self._values(each) for each in parameters}
        longest = max(len(values) for values in columns.values())
        found: dict[tuple[object, ...], dict[str, object]] = {}
        for number in range(longest):
            filled = {name: values[number % len(values)] for name, values in columns.items()}
            found.setdefault(tuple(filled.values()), filled)
        return list(islice(found.values(), limit))

    def _from_one_row(self, parameters: Sequence[Parameter], limit: int) -> list[dict[str, object]]:
        last = self._place(parameters[-1])
        if len(parameters) < 2 or last is None:
            return []
        table = self._tables[last[0]]
        names = [each.name if each.name in table else None for each in parameters[:-1]]
        columns = [*names, last[1]]
        if None in columns or len({len(values) for values in table.values()}) != 1:
            return []
        rows = zip(*(table[str(column)] for column in columns), strict=True)
        fitting = (
            {each.name: value for each, value in zip(parameters, row, strict=True)}
            for row in rows
            if all(_fits(each, value) for each, value in zip(parameters, row, strict=True))
        )
        return list(islice(fitting, limit))

    def _values(self, parameter: Parameter) -> Sequence[object]:
        if parameter.converter == "any":
            return _choices(parameter.arguments)
        place = self._place(parameter)
        if place is None:
            numbers = self._numbers(parameter)
            if numbers:
                return numbers
            raise ParameterError(
                f"no values for {parameter}: no table or column is named like it; "
                "a locustfile can send some"
            )
        table, column = place
        fitting = [value for value in self._tables[table][column] if _fits(parameter, value)]
        if not fitting:
            raise ParameterError(
                f"no values for {parameter}: {table}.{column} has none that fit it; "
                "a locustfile can send some"
            )
        return list(dict.fromkeys(fitting))

    def _numbers(self, parameter: Parameter) -> list[object]:
        """Return numbers for parameters that name no row; none if it is unknown what they mean.

        Those of the calendar are of one length, so that a year stands beside its own months.
        """
        name = parameter.name.lower()
        if name in CALENDAR:
            numbers = [date.split("-")[CALENDAR[name]].lstrip("0") for date in self._dates()]
        else:
            numbers = ["1", "2"] if name in PAGES else ["10", "20"] if name in AMOUNTS else []
        is_number = parameter.converter in {"int", "string", "default"}
        return [each for each in numbers if is_number and _fits(parameter, each)]

    def _dates(self) -> list[str]:
        """Return the dates of the column that has most of them, each once."""
        columns = [
            [value for value in values if isinstance(value, str) and ISO_DATE.fullmatch(value)]
            for table in self._tables.values()
            for values in table.values()
        ]
        most: list[str] = max(columns, key=len, default=[])
        return list(dict.fromkeys(most))

    def _place(self, parameter: Parameter) -> tuple[str, str] | None:
        """Return the table and column that a parameter most likely stands for."""
        name = parameter.name.lower()
        stem, _, key = name.rpartition("_")
        if stem and key in {*KEY_NAMES, "uuid", "slug", "name", "code"}:
            found = self._column(stem, (key, name, *KEY_NAMES))
            if found:
                return found
        found = self._column(parameter.before, (name, *self._keys_for(name)))
        found = found or self._column(name, KEY_NAMES) or self._anywhere(name)
        # "cancel" in /orders/cancel/<token> is no table: it is what is done with an order
        places = (self._column(each, (name, *self._keys_for(name))) for each in parameter.earlier)
        return found or next(filter(None, places), None)

    def _keys_for(self, name: str) -> tuple[str, ...]:
        is_key = name in KEY_NAMES or name.endswith(("_id", "id", "_pk", "uuid"))
        return (*KEY_NAMES, "uuid") if is_key else ()

    def _column(self, table_like: str, columns: Sequence[str]) -> tuple[str, str] | None:
        table = self._table(table_like)
        if table is None:
            return None
        own = {column.lower(): column for column in self._tables[table]}
        owners = (_singular(table.lower()), _singular(table_like.lower()))
        for column in columns:
            for candidate in (column, *(f"{owner}_{column}" for owner in owners)):
                if candidate in own:
                    return table, own[candidate]
        return None

    def _table(self, like: str) -> str | None:
        wanted = _singular(like.lower().replace("-", "_"))
        if not wanted:
            return None
        if wanted in self._by_name:
            return self._by_name[wanted]
        found = {
            known: name for known, name in self._by_name.items() if known.endswith(f"_{wanted}")
        }
        # "shop_product" is the products' table where "shop_sale_product" connects them to another
        fewest = min((known.count("_") for known in found), default=0)
        shortest = [name for known, name in found.items() if known.count("_") == fewest]
        return shortest[0] if len(shortest) == 1 else None

    def _anywhere(self, name: str) -> tuple[str, str] | None:
        """Return the one table that has a column of this name, but never a bare ``id``."""
        if name in KEY_NAMES:
            return None
        holders = [
            (table, column)
            for table, columns in self._tables.items()
            for column in columns
            if column.lower() == name
        ]
        return holders[0] if len(holders) == 1 else None


def _singular(word: str) -> str:
    """Return an English noun without its plural ending; good enough to compare names."""
    if word.endswith("ies") and len(word) > 4:
        return word[:-3] + "y"
    if word.endswith(("sses", "xes", "ches", "shes")):
        return word[:-2]
    if word.endswith("s") and not word.endswith(("ss", "us")):
        return word[:-1]
    return word


def _fits(parameter: Parameter, value: object) -> bool:
    """Whether a converter would accept a value in a URL."""
    text = "" if value is None else str(value)
    options = _options(parameter.arguments)
    check = _CHECKS.get(parameter.converter, _is_segment)
    return bool(text) and check(text, options)


def _is_int(text: str, options: Mapping[str, str]) -> bool:
    if options.get("signed") == "True":
        text = text.removeprefix("-")
    if not text.isdecimal():
        return False
    low, high = options.get("min"), options.get("max")
    return (low is None or int(text) >= int(low)) and (high is None or int(text) <= int(high))


def _is_float(text: str, options: Mapping[str, str]) -> bool:
    return re.fullmatch(r"\d+\.\d+", text) is not None


def _is_uuid(text: str, options: Mapping[str, str]) -> bool:
    try:
        return str(uuid.UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_segment(text: str, options: Mapping[str, str]) -> bool:
    low, high = int(options.get("minlength", 1)), options.get("maxlength")
    exact = options.get("length")
    fits = low <= len(text) and (high is None or len(text) <= int(high))
    return fits and "/" not in text and (exact is None or len(text) == int(exact))


def _is_path(text: str, options: Mapping[str, str]) -> bool:
    return not text.startswith("/")


_CHECKS: dict[str, Any] = {
    "int": _is_int,
    "float": _is_float,
    "uuid": _is_uuid,
    "path": _is_path,
    "string": _is_segment,
    "default": _is_segment,
}


def _choices(arguments: str) -> list[object]:
    found = [a or b or c.strip() for _, a, b, c in ARGUMENT.findall(arguments)]
    if not found:
        raise ParameterError("an any() converter without choices matches nothing")
    return list(found)


def _options(arguments: str) -> dict[str, str]:
    return {key: a or b or c.strip() for key, a, b, c in ARGUMENT.findall(arguments) if key}
