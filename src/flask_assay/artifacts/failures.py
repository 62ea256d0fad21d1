"""failures: responses of the 5xx kind in the steady state, by what raised them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestRow, SpanKind

__all__ = ["Failure", "failures"]


@dataclass(slots=True)
class Failure:
    """One exception at one line, or failures that no exception explains.

    Attributes:
        exception: "Type: message without values"; "" if none was seen.
        site: Line of the user's code that raised it, "" or `NO_USER_FRAME` if unknown.
        routes: Requests by route.
        statuses: Requests by status; 0 where no response was sent.
    """

    exception: str
    site: str
    routes: Counter[str] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def count(self) -> int:
        """Requests that failed so."""
        return self.routes.total()


@artifact("failures")
def failures(view: View) -> Mapping[tuple[str, str], Failure]:
    """Return failures by (exception, site), most frequent first.

    A request fails by the last exception in it: a handler's own, if the handler failed.
    """
    found: dict[tuple[str, str], Failure] = {}
    for row in view[steady_state].requests:
        if 0 < row.status < 500:
            continue
        key = _cause(row)
        entry = found.setdefault(key, Failure(*key))
        entry.routes[row.route] += 1
        entry.statuses[row.status] += 1
    ordered = sorted(found.values(), key=lambda one: (-one.count, one.exception, one.site))
    return {(one.exception, one.site): one for one in ordered}


def _cause(row: RequestRow) -> tuple[str, str]:
    for span in reversed(row.spans):
        if span.kind is SpanKind.EXCEPTION:
            return span.name, span.site
    return "", ""
