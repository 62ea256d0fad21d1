"""unreturned-connections: checkouts that no checkin followed, over the whole run."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestFlag, RequestRow, Span, SpanFlag, SpanKind

__all__ = ["Unreturned", "unreturned_connections"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_BACKGROUND_OR_TRUNCATED = int(RequestFlag.BACKGROUND | RequestFlag.TRUNCATED)
_ERROR = int(SpanFlag.ERROR)


@dataclass(slots=True)
class Unreturned:
    """Connections that one route took and kept.

    Attributes:
        request_count: Requests that kept one.
        sites: Call sites of their checkout; known where it opened the connection.
        statement_sites: Call sites of the first statement on each.
    """

    request_count: int = 0
    sites: Counter[str] = field(default_factory=Counter)
    statement_sites: Counter[str] = field(default_factory=Counter)


@artifact("unreturned-connections")
def unreturned_connections(view: View) -> Mapping[str, Unreturned]:
    """Return them by route.

    A connection that comes back later, when a streamed body ends or by garbage collection,
    is no such case: its use is recorded then, whoever's row it lands in.
    """
    found: dict[str, Unreturned] = {}
    for file in view.recording.probe_files:
        uses = [
            (span.connection, span.start_ns)
            for row in file.requests
            for span in row.spans
            if span.kind is SpanKind.CONNECTION
        ]
        returned: dict[int, list[int]] = {}
        for number, start in uses:
            returned.setdefault(number, []).append(start)
        for row in file.requests:
            if row.flags & _BACKGROUND_OR_TRUNCATED or row.dropped_count:
                continue
            for taken in _checkouts(row):
                if not _came_back(taken, row, returned.get(taken.connection, [])):
                    entry = found.setdefault(row.route, Unreturned())
                    entry.request_count += 1
                    entry.sites[taken.site] += 1
                    entry.statement_sites[_first_site(row, taken)] += 1
    return found


def _checkouts(row: RequestRow) -> list[Span]:
    return [
        span
        for span in row.spans
        if span.kind is SpanKind.POOL_WAIT and span.connection and not span.flags & _ERROR
    ]


def _came_back(taken: Span, row: RequestRow, starts: list[int]) -> bool:
    """Return whether a use of that connection began right after it was handed out."""
    handed = taken.start_ns + taken.wall_ns
    end = row.start_ns + row.wall_ns
    return any(handed - 1_000_000 <= start <= end for start in starts)


def _first_site(row: RequestRow, taken: Span) -> str:
    for span in row.spans:
        is_its = span.kind is SpanKind.QUERY and span.connection == taken.connection
        if is_its and span.start_ns >= taken.start_ns:
            return span.site
    return taken.site
