"""Call sites as the probe writes them, read back into places."""

from collections import Counter
from collections.abc import Mapping
from typing import TypeVar

from flask_assay.model.finding import Place

__all__ = ["key_of", "most_frequent", "place_of", "shared_sites"]


K = TypeVar("K")


def shared_sites(sites: Mapping[K, Counter[str]]) -> dict[K, str]:
    """Return one site for each, so that as few different ones as possible are named.

    Samples of one cause differ from route to route; where several lines were seen, the line that
    most routes share stands for them. What was never sampled joins the most shared line.

    Example:
        >>> shared_sites({"a": Counter({"x.py:1 f": 1, "y.py:2 g": 9}), "b": Counter(["x.py:1 f"])})
        {'a': 'x.py:1 f', 'b': 'x.py:1 f'}
    """
    routes: Counter[str] = Counter()
    totals: Counter[str] = Counter()
    for found in sites.values():
        known = {site: count for site, count in found.items() if place_of(site) is not None}
        routes.update(known.keys())
        totals.update(known)
    order = sorted(routes, key=lambda site: (-routes[site], -totals[site], site))
    first = order[0] if order else ""
    return {
        key: next((site for site in order if found.get(site)), first if not found else "")
        for key, found in sites.items()
    }


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
