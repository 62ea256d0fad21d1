"""call-sites: which lines of the user's code run which statement, sampled ones included."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import SpanKind

__all__ = ["CallSites", "call_sites"]


@dataclass(slots=True)
class CallSites:
    """Where one statement comes from, in one route.

    Attributes:
        sites: "file:line function" and how often it was sampled.
        details: Relationships that loaded it, by the same count.
    """

    sites: Counter[str] = field(default_factory=Counter)
    details: Counter[str] = field(default_factory=Counter)


@artifact("call-sites")
def call_sites(view: View) -> Mapping[tuple[str, str], CallSites]:
    """Return sites by (route, statement), over the whole run.

    The probe samples the first executions of each statement and route, and those lie in the
    warm-up: the steady state alone may hold none.
    """
    found: dict[tuple[str, str], CallSites] = {}
    query = SpanKind.QUERY
    for request in view.recording.requests:
        for span in request.spans:
            if span.kind is query and (span.site or span.detail):
                key = (request.route, span.name)
                entry = found.get(key)
                if entry is None:
                    entry = found[key] = CallSites()
                entry.sites[span.site] += 1
                if span.detail:
                    entry.details[span.detail] += 1
    return found
