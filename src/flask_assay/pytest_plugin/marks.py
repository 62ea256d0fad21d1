"""What ``@pytest.mark.assay(…)`` says about a test: the nearest marker that says it counts."""

from typing import Any

import pytest

__all__ = ["is_off", "stated"]


def stated(item: pytest.Item, name: str) -> Any:
    """Return an argument of the marker, from the test outwards; None if nobody states it."""
    for marker in item.iter_markers("assay"):
        if name in marker.kwargs:
            return marker.kwargs[name]
    return None


def is_off(item: pytest.Item) -> bool:
    """Whether a test is left alone."""
    return bool(stated(item, "gear") == "off")
