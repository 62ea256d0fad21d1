"""The common rule by which a finding's seconds become its severity, and shared wording."""

from collections.abc import Mapping

from flask_assay.artifacts.steady_state import SteadyState
from flask_assay.model.finding import Severity

__all__ = ["agree", "how_often", "name_routes", "severity_of"]

DOMINATES_RATIO = 0.20  # of some route's server time: error
MATTERS_RATIO = 0.05  # of some route's server time: warning
MATTERS_S = 0.001  # mean seconds per request below which nothing is more than a note


def severity_of(cost_s: Mapping[str, float], steady: SteadyState) -> Severity:
    """Return error where the cost dominates a route, warning where it matters, else note.

    Args:
        cost_s: Attributable seconds of the steady state by route.
        steady: Gives each route's server time.
    """
    worst = Severity.NOTE
    for route, cost in cost_s.items():
        total, count = steady.route_s(route), len(steady.by_route.get(route, ()))
        if not count or not total or cost / count < MATTERS_S:
            continue
        if cost / total > DOMINATES_RATIO:
            return Severity.ERROR
        if cost / total > MATTERS_RATIO:
            worst = Severity.WARNING
    return worst


def name_routes(routes: tuple[str, ...], thing: str = "route") -> str:
    """Return names as words: "GET /a", "GET /a and GET /b", "GET /a and 3 other routes".

    Example:
        >>> name_routes(("GET /a", "GET /b", "GET /c"))
        'GET /a and 2 other routes'
    """
    if len(routes) <= 2:
        return " and ".join(routes)
    return f"{routes[0]} and {len(routes) - 1} other {thing}s"


def agree(routes: tuple[str, ...], singular: str, plural: str) -> str:
    """Return the form of a verb that goes with `name_routes` of these routes.

    Example:
        >>> agree(("GET /a", "GET /b"), "waits", "wait")
        'wait'
    """
    return singular if len(routes) == 1 else plural


def how_often(mean: float) -> str:
    """Return a mean count as words: "once", "2.5 times", "23 times".

    Example:
        >>> how_often(1.04), how_often(2.5), how_often(23.4)
        ('once', '2.5 times', '23 times')
    """
    if round(mean, 1) == 1:
        return "once"
    return f"{mean:.0f} times" if mean >= 10 else f"{mean:.1f} times"
