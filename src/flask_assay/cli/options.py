"""Command line options, generated from the one schema of settings."""

from collections.abc import Callable
from typing import Any

import click

from flask_assay.config.schema import SETTINGS, Setting

__all__ = ["given", "setting_options"]

_TYPES: dict[type, Any] = {int: int, float: float, str: str}


def setting_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add an option for each setting that fits on a command line."""
    for each in reversed(SETTINGS):
        if each.kind is not dict:
            function = _option(each)(function)
    return function


def given(values: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that were given, lists as lists."""
    found: dict[str, Any] = {}
    for each in SETTINGS:
        value = values.get(each.name)
        if value is not None and value != ():
            found[each.name] = list(value) if isinstance(value, tuple) else value
    return found


def _option(each: Setting) -> Callable[..., Any]:
    text = f"{each.help}  [default: {_shown(each.default)}]"
    if each.kind is bool:
        flag = f"{each.option}/--no-{each.option[2:]}"
        return click.option(flag, each.name, default=None, help=text)
    if each.kind is list:
        return click.option(each.option, each.name, multiple=True, help=text)
    return click.option(each.option, each.name, type=_TYPES[each.kind], default=None, help=text)


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return str(value) or "none"
