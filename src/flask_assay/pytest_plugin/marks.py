"""What ``@pytest.mark.assay(…)`` says about a test: the nearest marker that says it counts."""

from collections.abc import Iterable, Iterator
from typing import Any

import pytest

__all__ = ["is_off", "mistakes", "stated"]

_PARTS: dict[str, tuple[Any, ...]] = {
    "gear": ("rollback", "clone", "off"),
    "ids": ("random", "template"),
    "keep": (True, False),
}


def stated(item: pytest.Item, name: str) -> Any:
    """Return an argument of the marker, from the test outwards; None if nobody states it."""
    for marker in item.iter_markers("assay"):
        if name in marker.kwargs:
            return marker.kwargs[name]
    return None


def is_off(item: pytest.Item) -> bool:
    """Whether a test is left alone."""
    return bool(stated(item, "gear") == "off")


def mistakes(item: pytest.Item) -> Iterator[str]:
    """Return what the test's markers say that nobody understands."""
    for marker in item.iter_markers("assay"):
        for value in marker.args:
            yield f"assay({value!r}): its parts have names, for example gear={value!r}"
        for name, value in marker.kwargs.items():
            if name not in _PARTS:
                yield f"assay({name}={value!r}): its parts are {_either(_PARTS, 'and')}"
            elif value is not None and value not in _PARTS[name]:
                yield f"assay({name}={value!r}): it is {_either(map(repr, _PARTS[name]), 'or')}"


def _either(words: Iterable[str], last: str) -> str:
    *most, end = words
    return f"{', '.join(most)} {last} {end}"
