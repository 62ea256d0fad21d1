"""transaction-timeline: what requests write, commit, and read again afterwards."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import EXPIRED, RequestRow, Span, SpanKind

__all__ = ["Reread", "RouteTransactions", "Write", "transaction_timeline"]

_WRITE = re.compile(
    r"\s*(?:INSERT\s+INTO|UPDATE|DELETE\s+FROM|MERGE\s+INTO)\s+(?:ONLY\s+)?([\w.\"]+)",
    re.IGNORECASE,
)


@dataclass(slots=True)
class Reread:
    """One statement that reads objects again after a commit, since it expired them.

    Refreshes count, and relationships that the request had loaded before the commit.

    Attributes:
        request_count: Requests with it.
        execution_count: Its executions after the commit.
        wall_ns: Their wall time.
        sites: Call sites, over the whole run.
    """

    request_count: int = 0
    execution_count: int = 0
    wall_ns: int = 0
    sites: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class Write:
    """One statement that wrote rows, in requests that committed them.

    Attributes:
        table: That it writes.
        request_count: Requests with it.
        wall_ns: Their wall time.
        sites: Call sites, over the whole run.
    """

    table: str
    request_count: int = 0
    wall_ns: int = 0
    sites: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class RouteTransactions:
    """One route in the steady state.

    Attributes:
        request_count: Requests.
        commit_count: Commits.
        commit_ns: Their wall time.
        committed_write_count: Requests that wrote rows and committed them.
        writes: Their writing statements.
        rereads: By statement.
    """

    request_count: int = 0
    commit_count: int = 0
    commit_ns: int = 0
    committed_write_count: int = 0
    writes: dict[str, Write] = field(default_factory=dict)
    rereads: dict[str, Reread] = field(default_factory=dict)


class _Shapes:
    """Remembers which table a statement writes."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {}

    def __call__(self, statement: str) -> str:
        known = self._known.get(statement)
        if known is None:
            match = _WRITE.match(statement)
            known = self._known[statement] = match[1].strip('"') if match else ""
        return known


@artifact("transaction-timeline")
def transaction_timeline(view: View) -> Mapping[str, RouteTransactions]:
    """Return transactions by route, for routes that committed."""
    found: dict[str, RouteTransactions] = {}
    shapes = _Shapes()
    for route, rows in view[counted_requests].by_route.items():
        entry = _summed(rows, shapes)
        if entry.commit_count:
            found[route] = entry
    _sites_of_the_warm_up(view, found, shapes)
    return found


def _summed(rows: Iterable[RequestRow], shapes: _Shapes) -> RouteTransactions:
    entry = RouteTransactions()
    for row in rows:
        entry.request_count += 1
        commits = [span for span in row.spans if span.kind is SpanKind.COMMIT]
        if commits:
            _add(entry, row, commits, shapes)
    return entry


def _sites_of_the_warm_up(
    view: View, found: Mapping[str, RouteTransactions], shapes: _Shapes
) -> None:
    """Add the sites of what came before: the probe samples the first executions most densely."""
    start = view[steady_state].start_ns
    earlier: dict[str, list[RequestRow]] = {}
    for row in view.recording.requests:
        if row.start_ns < start and row.route in found:
            earlier.setdefault(row.route, []).append(row)
    for route, rows in earlier.items():
        before, entry = _summed(rows, shapes), found[route]
        for statement, write in before.writes.items():
            if statement in entry.writes:
                entry.writes[statement].sites.update(write.sites)
        for statement, reread in before.rereads.items():
            if statement in entry.rereads:
                entry.rereads[statement].sites.update(reread.sites)


def _add(entry: RouteTransactions, row: RequestRow, commits: list[Span], shapes: _Shapes) -> None:
    entry.commit_count += len(commits)
    entry.commit_ns += sum(span.wall_ns for span in commits)
    loaded: set[tuple[str, int]] = set()
    first, last = commits[0].start_ns, commits[-1].start_ns
    written = False
    counted: set[str] = set()
    for span in row.spans:
        if span.kind is not SpanKind.QUERY:
            continue
        target = shapes(span.name)
        if target and span.rows != 0 and span.start_ns < last:
            written = True
            write = entry.writes.setdefault(span.name, Write(target))
            write.request_count += span.name not in counted
            counted.add(span.name)
            write.wall_ns += span.wall_ns
            if span.site:
                write.sites[span.site] += 1
        if span.start_ns < first:
            loaded.add((span.name, span.digest))
        elif span.detail.endswith(EXPIRED) or (span.detail and (span.name, span.digest) in loaded):
            _note(entry.rereads.setdefault(span.name, Reread()), span, counted)
    entry.committed_write_count += written


def _note(entry: Reread, span: Span, counted: set[str]) -> None:
    entry.request_count += span.name not in counted
    counted.add(span.name)
    entry.execution_count += 1
    entry.wall_ns += span.wall_ns
    if span.site:
        entry.sites[span.site] += 1
