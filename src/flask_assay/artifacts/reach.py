"""How far the load got into the app: a part of the artifact ``coverage``."""

from collections import Counter
from dataclasses import dataclass

from flask_assay.artifacts.view import View

__all__ = ["Reach", "all_routes", "reach_of"]


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the load got into the app: its GET routes, by the best answer in the whole run.

    Attributes:
        total_count: All of them.
        answered_count: With success.
        refused_count: With 401 or 403 at best.
        redirected_count: With a redirect at best, as a page does that wants a login.
        failed_count: With another error at best.
    """

    total_count: int = 0
    answered_count: int = 0
    refused_count: int = 0
    redirected_count: int = 0
    failed_count: int = 0


def all_routes(view: View) -> tuple[str, ...]:
    """Return "GET /about" for each rule and method of the app but files and automatic methods."""
    routes = view.recording.document("app").get("routes")
    found = set()
    for entry in routes if isinstance(routes, list) else []:
        about = entry if isinstance(entry, dict) else {}
        if str(about.get("endpoint", "")).rpartition(".")[2] == "static":
            continue
        methods = about.get("methods")
        for method in methods if isinstance(methods, list) else []:
            if method not in {"HEAD", "OPTIONS"}:
                found.add(f"{method} {about.get('rule', '')}")
    return tuple(sorted(found))


def reach_of(view: View) -> Reach:
    """Sort the routes that are read by the best answer that each of them gave."""
    statuses: dict[str, set[int]] = {}
    for row in view.recording.requests:
        statuses.setdefault(row.route, set()).add(row.status)
    counts: Counter[str] = Counter()
    for route in all_routes(view):
        if route.startswith("GET "):
            counts[_best(statuses.get(route, set()))] += 1
    return Reach(
        total_count=counts.total(),
        answered_count=counts["answered"],
        refused_count=counts["refused"],
        redirected_count=counts["redirected"],
        failed_count=counts["failed"],
    )


def _best(statuses: set[int]) -> str:
    if not statuses:
        return "silent"
    if any(200 <= status < 300 or status == 304 for status in statuses):
        return "answered"
    if any(300 <= status < 400 for status in statuses):
        return "redirected"
    return "refused" if statuses <= {401, 403} else "failed"
