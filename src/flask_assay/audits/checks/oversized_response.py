"""oversized-response: a route answers with more than anyone reads.

## What it detects
Routes whose answers are `BODY_BYTES_MIN` or more on average and are not streamed.

## Why it matters
The whole body is built in memory before its first byte is sent, by each thread that serves it, and
every client parses all of it.

## How it is detected
Bytes of the response bodies, as the app sent them.

## Known problems
Downloads and exports are large on purpose: stream them, or allow the route.

## How to fix
A page at a time, only the fields that are shown, or a streamed response.

## References
Flask, "Streaming Contents".
"""

from collections.abc import Sequence

from flask_assay.artifacts.settings import view_places
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Severity
from flask_assay.model.rows import RequestFlag

BODY_BYTES_MIN = 500_000  # on average

META = Meta(
    audit_id="oversized-response",
    title="Answers are of a size that is read",
    failure_title="Answers are very large",
    needs=(steady_state, view_places),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    found = []
    for route, rows in given[steady_state].by_route.items():
        whole = [row for row in rows if not row.flags & RequestFlag.STREAMED]
        size = sum(row.body_bytes for row in whole) / len(whole) if whole else 0
        if size >= BODY_BYTES_MIN:
            largest = max(row.body_bytes for row in whole)
            found.append(
                Finding(
                    audit=META.audit_id,
                    key=route,
                    severity=Severity.WARNING,
                    title=f"{route} answers with {size / 1e6:.1f} MB",
                    routes=(route,),
                    detail="The body is built as a whole before its first byte is sent.",
                    place=given[view_places].get(rows[0].endpoint),
                    evidence=(
                        Evidence("mean body", size, "bytes", n=len(whole)),
                        Evidence("largest body", largest, "bytes", n=len(whole)),
                    ),
                )
            )
    return found
