"""Resolve the effective settings and remember where each came from."""

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from flask_assay.config.schema import SETTINGS, Setting, setting
from flask_assay.errors import UsageError

__all__ = ["Settings", "resolve"]

# Variables that begin with ASSAY_ and are not settings of a run: servers given by the user,
# and what a run hands to its own child processes.
_NOT_SETTINGS = frozenset(
    {
        "ASSAY_POSTGRES_URL",
        "ASSAY_REDIS_URL",
        "ASSAY_TARGET_PLAN",
        "ASSAY_DATABASE_URL",
        "ASSAY_SANDBOX_STATE",
    }
)
_T = TypeVar("_T")
_KINDS: dict[type, str] = {
    bool: "yes or no",
    int: "a whole number",
    float: "a number",
    list: "a list",
    dict: "a table",
    str: "a text",
}
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class Settings:
    """Effective values and their origins.

    Attributes:
        values: Setting name to value, every setting present.
        origins: Setting name to "default", "quick", "pyproject.toml", "ASSAY_…" or "--option".
        project: Directory of the ``pyproject.toml`` that was read, else the current one.
    """

    values: Mapping[str, object]
    origins: Mapping[str, str]
    project: Path

    def text(self, name: str) -> str:
        """Return a text setting."""
        return str(self.values[name])

    def number(self, name: str) -> float:
        """Return a numeric setting as float."""
        return float(str(self.values[name]))

    def integer(self, name: str) -> int:
        """Return an integer setting."""
        return int(str(self.values[name]))

    def flag(self, name: str) -> bool:
        """Return a yes/no setting."""
        return bool(self.values[name])

    def items(self, name: str) -> list[str]:
        """Return a list setting."""
        value = self.values[name]
        return [str(each) for each in value] if isinstance(value, list) else []

    def table(self, name: str) -> dict[str, str]:
        """Return a table setting."""
        value = self.values[name]
        return {str(k): str(v) for k, v in value.items()} if isinstance(value, dict) else {}


def resolve(options: Mapping[str, object], environment: Mapping[str, str], start: Path) -> Settings:
    """Merge all levels.

    Args:
        options: Settings given on the command line; None means not given.
        environment: Of the process.
        start: Directory from which ``pyproject.toml`` is looked for, upwards.

    Raises:
        UsageError: For an unknown key, or a value of the wrong kind or range.
    """
    project, table = _project_table(start)
    values: dict[str, object] = {}
    origins: dict[str, str] = {}
    _refuse_unknown(table, [each.name for each in SETTINGS], "[tool.assay] in pyproject.toml")
    _refuse_unknown(
        [name for name in environment if name.startswith("ASSAY_") and name not in _NOT_SETTINGS],
        [each.variable for each in SETTINGS],
        "the environment",
    )
    quick = setting("quick")
    is_quick = _checked(quick, *_effective(quick, options, environment, table))
    for each in SETTINGS:
        value, origin = _effective(each, options, environment, table)
        if origin == "default" and is_quick and each.quick is not None:
            value, origin = each.quick, "quick"
        values[each.name] = _checked(each, value, origin)
        origins[each.name] = origin
    return Settings(values, origins, project)


def _project_table(start: Path) -> tuple[Path, dict[str, object]]:
    for directory in (start, *start.parents):
        path = directory / "pyproject.toml"
        if path.is_file():
            try:
                document = tomllib.loads(path.read_text(encoding="utf-8"))
            except ValueError as error:
                raise UsageError(
                    f"{path} is not valid TOML: {error}", todo="Mend it; nothing was run."
                ) from error
            tool = document.get("tool", {})
            table = tool.get("assay", {}) if isinstance(tool, dict) else {}
            if not isinstance(table, dict):
                raise UsageError(
                    f"tool.assay = {table!r} in {path} is no table",
                    todo="Write [tool.assay], and the settings below it.",
                )
            return directory, dict(table)
    return start, {}


def _refuse_unknown(given: object, known: list[str], where: str) -> None:
    assert isinstance(given, (list, dict))
    for name in given:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
            raise UsageError(f"unknown setting {name} in {where}", todo=hint)


def _effective(
    each: Setting,
    options: Mapping[str, object],
    environment: Mapping[str, str],
    table: Mapping[str, object],
) -> tuple[object, str]:
    if options.get(each.name) is not None:
        return options[each.name], each.option
    if each.variable in environment:
        return environment[each.variable], each.variable
    if each.name in table:
        return table[each.name], "pyproject.toml"
    return each.default, "default"


def _checked(each: Setting, value: object, origin: str) -> object:
    try:
        converted = _convert(each.kind, value)
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"{origin}: {each.name} = {value!r} is not {_KINDS[each.kind]}", todo=each.help
        ) from error
    if each.minimum is not None and float(str(converted)) < each.minimum:
        raise UsageError(
            f"{origin}: {each.name} = {value!r} must be at least {each.minimum:g}", todo=each.help
        )
    if each.choices and converted not in each.choices:
        raise UsageError(
            f"{origin}: {each.name} = {value!r} is none of {', '.join(each.choices)}",
            todo=each.help,
        )
    return converted


def _convert(kind: type, value: object) -> object:
    if kind is bool:
        return _flag(value)
    if kind is list:
        return value.split(",") if isinstance(value, str) else list(_as(list, value))
    if kind is dict:
        return dict(_as(dict, value))
    if kind in {int, float} and isinstance(value, bool):
        raise ValueError(value)
    number = kind(value)
    if kind is float and not abs(number) < float("inf"):
        raise ValueError(value)
    return number


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).lower()
    if word in _TRUE or word in _FALSE:
        return word in _TRUE
    raise ValueError(value)


def _as(kind: type[_T], value: object) -> _T:
    if not isinstance(value, kind):
        raise TypeError(value)
    return value
