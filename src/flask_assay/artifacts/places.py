"""Call sites as the probe writes them, read back into places."""

from collections import Counter

from flask_assay.model.finding import Place

__all__ = ["key_of", "most_frequent", "place_of"]


def place_of(site: str) -> Place | None:
    """Return the place named by "file:line function", None if it names none.

    Example:
        >>> str(place_of("shop/views.py:12 list_orders"))
        'shop/views.py:12'
    """
    at, _, function = site.partition(" ")
    file, _, line = at.rpartition(":")
    if not file or not line.isdigit():
        return None
    return Place(file, int(line), function)


def key_of(place: Place | None, subject: str) -> str:
    """Return the key of a finding: its function and what is wrong there, without the line.

    Example:
        >>> key_of(Place("shop/views.py", 12, "list_orders"), "orders")
        'shop/views.py:list_orders:orders'
    """
    where = f"{place.file}:{place.function}" if place is not None else "unknown"
    return f"{where}:{subject}"


def most_frequent(sites: Counter[str]) -> str:
    """Return the most frequent name that is not empty, the smallest of equals; "" if none."""
    known = [(count, name) for name, count in sites.items() if name]
    return min(known, key=lambda one: (-one[0], one[1]))[1] if known else ""
