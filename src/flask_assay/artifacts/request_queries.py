"""request-queries: how often each statement runs within one request, and after what."""

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.call_sites import call_sites
from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.places import most_frequent
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import Span, SpanFlag, SpanKind

__all__ = ["DISTINCT_MIN", "QueryUse", "Source", "request_queries"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_EXECUTEMANY = int(SpanFlag.EXECUTEMANY)

DISTINCT_MIN = 5  # executions with different parameters from which a request is kept as a loop
_KEPT_PAIRS = 1_000  # per source; more would not change a correlation
_READ = re.compile(r"\s*(SELECT|WITH|VALUES|TABLE)\b", re.IGNORECASE)
_WRITE_INSIDE = re.compile(
    r"\b(INSERT\s+INTO|UPDATE|DELETE\s+FROM|FOR\s+(NO\s+KEY\s+)?UPDATE|nextval)\b", re.IGNORECASE
)


@dataclass(slots=True)
class Source:
    """An earlier statement whose rows may drive a loop: (rows, executions of the loop) pairs."""

    request_count: int = 0
    execution_count: int = 0  # of its own: one that is itself in the loop gives as many rows
    pairs: list[tuple[int, int]] = field(default_factory=list)


@dataclass(slots=True)
class QueryUse:
    """One statement of one origin in one route, over the counted requests.

    Attributes:
        route: "GET /orders".
        statement: Shape.
        detail: Relationship that loaded it ("Order.items"), "" if none did.
        request_count: Requests in which it ran.
        execution_count: Executions; an executemany counts once.
        wall_ns: Their wall time.
        row_count: Rows of the executions that know theirs.
        row_known_count: Executions that know theirs.
        row_max: Most rows of one execution.
        count_max: Most executions in one request.
        sites: Call sites seen in them, by executions.
        sampled: Call sites seen in the whole run.
        loop_counts: Executions with different parameters, one figure for each request that
            had `DISTINCT_MIN` or more of them.
        loop_wall_ns: Wall time of those requests' executions but the first of each.
        loop_sites: Call sites of those executions.
        loop_sources: Earlier statements of those requests with at least as many rows.
        repeat_request_count: Requests with the same parameters again and nothing written
            between.
        repeat_count: Executions that only repeated an earlier one.
        repeat_wall_ns: Their wall time.
        repeat_sites: Their call sites.
        single_write_counts: For writes: single-row executions, one figure per request.
        single_write_wall_ns: For writes: wall time of those.
    """

    route: str
    statement: str
    detail: str = ""
    request_count: int = 0
    execution_count: int = 0
    wall_ns: int = 0
    row_count: int = 0
    row_known_count: int = 0
    row_max: int = 0
    count_max: int = 0
    sites: Counter[str] = field(default_factory=Counter)
    sampled: Counter[str] = field(default_factory=Counter)
    loop_counts: list[int] = field(default_factory=list)
    loop_wall_ns: int = 0
    loop_sites: Counter[str] = field(default_factory=Counter)
    loop_sources: dict[str, Source] = field(default_factory=dict)
    repeat_request_count: int = 0
    repeat_count: int = 0
    repeat_wall_ns: int = 0
    repeat_sites: Counter[str] = field(default_factory=Counter)
    single_write_counts: list[int] = field(default_factory=list)
    single_write_wall_ns: int = 0

    @property
    def wall_s(self) -> float:
        """Wall time of all executions, seconds."""
        return self.wall_ns / 1e9

    @property
    def site(self) -> str:
        """Where it is run, as a rule."""
        return most_frequent(self.sites) or most_frequent(self.sampled)

    @property
    def loop_site(self) -> str:
        """Where the loop is."""
        return most_frequent(self.loop_sites) or most_frequent(self.sampled)

    @property
    def repeat_site(self) -> str:
        """Where it is repeated."""
        return most_frequent(self.repeat_sites) or self.site

    @property
    def rows_mean(self) -> float | None:
        """Rows per execution, None if unknown."""
        return self.row_count / self.row_known_count if self.row_known_count else None


@dataclass(slots=True)
class _Group:
    """One statement within one request."""

    spans: list[Span] = field(default_factory=list)
    digests: set[int] = field(default_factory=set)
    unknown_count: int = 0
    repeats: list[Span] = field(default_factory=list)
    rows: int = 0

    @property
    def distinct_count(self) -> int:
        return len(self.digests) + self.unknown_count


_Groups = dict[tuple[str, str], _Group]


class _Reads:
    """Remembers which statements only read."""

    def __init__(self) -> None:
        self._known: dict[str, bool] = {}

    def __call__(self, statement: str) -> bool:
        known = self._known.get(statement)
        if known is None:
            reads = _READ.match(statement) is not None
            known = self._known[statement] = reads and _WRITE_INSIDE.search(statement) is None
        return known


@artifact("request-queries")
def request_queries(view: View) -> Mapping[tuple[str, str, str], QueryUse]:
    """Return the use of each statement by (route, statement, detail)."""
    uses: dict[tuple[str, str, str], QueryUse] = {}
    sampled = view[call_sites]
    is_read = _Reads()
    for request in view[counted_requests].requests:
        if not request.spans:
            continue
        groups = _group(request.spans, is_read)
        for (statement, detail), group in groups.items():
            key = (request.route, statement, detail)
            use = uses.get(key)
            if use is None:
                use = uses[key] = QueryUse(*key, sampled=sampled.get(key, Counter()))
            _count(use, group)
            # the first execution may stand in another group: same statement, other detail
            if len(group.spans) > 1 or group.repeats:
                _repeats(use, group, groups, is_read(statement))
            elif not is_read(statement):
                _single_writes(use, group)
    return uses


def _group(spans: tuple[Span, ...], is_read: _Reads) -> _Groups:
    """Gather a request's statements; mark repeats that nothing was written before."""
    groups: _Groups = {}
    seen: set[tuple[str, int]] = set()
    query, commit = SpanKind.QUERY, SpanKind.COMMIT
    for span in spans:
        if span.kind is query:
            key = (span.name, span.detail)
            group = groups.get(key)
            if group is None:
                group = groups[key] = _Group()
            if not is_read(span.name):
                seen.clear()
            _gather(group, span, seen)
        elif span.kind is commit:
            seen.clear()
    return groups


def _gather(group: _Group, span: Span, seen: set[tuple[str, int]]) -> None:
    """Add one execution; unknown parameters are taken to differ from all others."""
    group.spans.append(span)
    if span.rows > 0:
        group.rows += span.rows
    if not span.digest and "?" in span.name:
        group.unknown_count += 1
        return
    group.digests.add(span.digest)
    key = (span.name, span.digest)
    if key in seen:
        group.repeats.append(span)
    else:
        seen.add(key)


def _count(use: QueryUse, group: _Group) -> None:
    count = len(group.spans)
    use.request_count += 1
    use.execution_count += count
    use.count_max = max(use.count_max, count)
    for span in group.spans:
        use.wall_ns += span.wall_ns
        if span.rows >= 0:
            use.row_known_count += 1
            use.row_count += span.rows
            use.row_max = max(use.row_max, span.rows)
        if span.site:
            use.sites[span.site] += 1


def _repeats(use: QueryUse, group: _Group, groups: _Groups, reads: bool) -> None:  # noqa: FBT001  (private, one caller)
    if not reads:
        _single_writes(use, group)
        return
    distinct = group.distinct_count
    if distinct >= DISTINCT_MIN:
        _loop(use, group, groups)
    if group.repeats and (distinct < DISTINCT_MIN or len(group.repeats) >= distinct):
        use.repeat_request_count += 1
        use.repeat_count += len(group.repeats)
        for span in group.repeats:
            use.repeat_wall_ns += span.wall_ns
            if span.site:
                use.repeat_sites[span.site] += 1


def _single_writes(use: QueryUse, group: _Group) -> None:
    singles = [s for s in group.spans if s.rows <= 1 and not s.flags & _EXECUTEMANY]
    if singles:
        use.single_write_counts.append(len(singles))
        use.single_write_wall_ns += sum(span.wall_ns for span in singles)


def _loop(use: QueryUse, group: _Group, groups: _Groups) -> None:
    count = group.distinct_count
    use.loop_counts.append(count)
    use.loop_wall_ns += sum(span.wall_ns for span in group.spans[1:])
    for span in group.spans:
        use.loop_sites[span.site] += 1
    first = group.spans[0].start_ns
    for (statement, _), other in groups.items():
        if other is not group and other.rows >= count and other.spans[0].start_ns < first:
            source = use.loop_sources.setdefault(statement, Source())
            source.request_count += 1
            source.execution_count += len(other.spans)
            if len(source.pairs) < _KEPT_PAIRS:
                source.pairs.append((other.rows, count))
