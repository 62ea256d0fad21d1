"""shared-places: orders that a LIMIT cuts, and how many rows have the same place in them."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask_assay.artifacts.view import View, artifact

__all__ = ["SharedPlaces", "shared_places"]


@dataclass(frozen=True, slots=True)
class SharedPlaces:
    """What one statement's order leaves open, over the rows that it chooses from.

    Attributes:
        keys: Columns of the order.
        types: Their types.
        row_count: Rows before the LIMIT.
        tied_count: Those of them that have the same keys as another.
    """

    keys: tuple[str, ...]
    types: tuple[str, ...]
    row_count: int
    tied_count: int


@artifact("shared-places")
def shared_places(view: View) -> Mapping[str, SharedPlaces]:
    """Return what ``ties.json`` tells, by statement shape; empty without one."""
    entries = view.recording.document("ties").get("ties")
    return {
        str(entry.get("statement")): SharedPlaces(
            keys=_strings(entry.get("keys")),
            types=_strings(entry.get("types")),
            row_count=int(entry.get("row_count") or 0),
            tied_count=int(entry.get("tied_count") or 0),
        )
        for entry in (entries if isinstance(entries, list) else [])
        if isinstance(entry, dict)
    }


def _strings(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list) else ()
