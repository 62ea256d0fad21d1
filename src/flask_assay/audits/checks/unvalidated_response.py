"""unvalidated-response: clients download again what they have already.

## What it detects
GET routes with bodies of at least `BODY_BYTES_MIN` of which at least `REPEAT_RATIO` of the answers
are those of before, sent without ETag or Last-Modified and without a lifetime.

## Why it matters
With a validator the client asks "still the same?" and is told so in a hundred bytes. Without one
every visit pays for the whole body: bandwidth, time on slow networks, and work of proxies.

## How it is detected
Bodies of the same question, by the same user where the code read who asks, are compared by hash.

## Known problems
Traffic of a load test repeats itself as its author wrote it. A validator of the finished body
saves bytes, not the work of making it; `uncached-response` judges that.

## How to fix
`response.add_etag()` and `response.make_conditional(request)` in an `after_request` function, or a
proxy that does it. With a lifetime (`Cache-Control: max-age`) clients do not even ask.

## References
RFC 9110, section 8.8, "Validator Fields".
"""

from collections.abc import Sequence

from flask_assay.artifacts.request_trace import request_trace, unchanged
from flask_assay.artifacts.settings import view_places
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, NotApplicableError, State
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity
from flask_assay.model.rows import RequestFlag, RequestRow

BODY_BYTES_MIN = 4_096  # on average: below it a validator saves little but headers
LARGE_BYTES = 32_768  # on average: warning
REPEAT_RATIO = 0.5  # of the answers are those of before
REQUESTS_MIN = 12
_KNOWN = int(RequestFlag.HAS_VALIDATOR | RequestFlag.HAS_MAX_AGE)

META = Meta(
    audit_id="unvalidated-response",
    title="Clients need not download what they have",
    failure_title="Clients download again what they have",
    needs=(steady_state, request_trace, view_places),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    traces, steady = given[request_trace], given[steady_state]
    if not any(trace.entries for trace in traces.values()):
        raise NotApplicableError("no response body of a GET request was hashed")
    found = []
    for route, trace in traces.items():
        rows = steady.by_route[route]
        if trace.refused or len(trace.entries) < REQUESTS_MIN:
            continue
        if any(row.flags & _KNOWN for row in rows):
            continue
        size = sum(row.body_bytes for row in rows) / len(rows)
        ratio = unchanged(trace).hit_ratio
        if size >= BODY_BYTES_MIN and ratio >= REPEAT_RATIO:
            found.append(_finding(route, rows, (size, ratio), given))
    return found


def _finding(
    route: str, rows: Sequence[RequestRow], measured: tuple[float, float], given: Given
) -> Finding:
    size, ratio = measured
    return Finding(
        audit=META.audit_id,
        key=route,
        severity=Severity.WARNING if size >= LARGE_BYTES else Severity.NOTE,
        title=f"{route} sends {size / 1024:.0f} KiB again that did not change",
        routes=(route,),
        detail=(
            f"{ratio * 100:.0f} % of the answers were those of before, and no ETag, Last-Modified "
            "or lifetime let the client know."
        ),
        place=given[view_places].get(rows[0].endpoint),
        evidence=(
            Evidence("mean body", size, "bytes", n=len(rows)),
            Evidence("answers that did not change", round(ratio * 100, 1), "%", n=len(rows)),
        ),
        remedies=(
            Remedy(
                "validators",
                {"endpoint": rows[0].endpoint},
                "Send an ETag and answer 304 to clients that have it.",
                "response.add_etag()\nresponse.make_conditional(request)\n",
            ),
        ),
    )
