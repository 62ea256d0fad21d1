"""call-sites: which lines of the user's code run which statement, sampled ones included."""

from collections import Counter
from collections.abc import Mapping

from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import SpanKind

__all__ = ["call_sites"]


@artifact("call-sites")
def call_sites(view: View) -> Mapping[tuple[str, str, str], Counter[str]]:
    """Return sites and how often each was sampled, by (route, statement, detail).

    Over the whole run: the probe samples the first executions of each statement and route, and
    those lie in the warm-up, so the steady state alone may hold none. Two relationships often
    send the same statement from different places; hence the detail.
    """
    found: dict[tuple[str, str, str], Counter[str]] = {}
    query = SpanKind.QUERY
    for request in view.recording.requests:
        for span in request.spans:
            if span.kind is query and span.site:
                key = (request.route, span.name, span.detail)
                entry = found.get(key)
                if entry is None:
                    entry = found[key] = Counter()
                entry[span.site] += 1
    return found
