"""external-calls: work that a request waits for outside of the process and its own servers."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestRow, Span, SpanFlag, SpanKind

__all__ = ["ExternalCalls", "external_calls"]

# As plain integers: operators of flag classes cost more than the rest of a pass over the spans.
_ERROR = int(SpanFlag.ERROR)
_IN_TRANSACTION = int(SpanFlag.IN_TRANSACTION)
_NO_TIMEOUT = int(SpanFlag.NO_TIMEOUT)

_KINDS = {SpanKind.HTTP, SpanKind.MAIL}
_DATABASE = {SpanKind.QUERY, SpanKind.BEGIN}
_ENDS = {SpanKind.COMMIT, SpanKind.ROLLBACK}


@dataclass(slots=True)
class ExternalCalls:
    """Calls of one kind in one route.

    Attributes:
        route: "POST /checkout".
        target: Method and host, or the mail server.
        request_count: Requests that made at least one.
        call_count: Calls.
        wall_ns: Their wall time.
        durations_ns: Each call's.
        error_count: Calls that failed.
        no_timeout_count: Calls whose socket would have waited for ever.
        held_count: Calls during which a connection of the pool was in a transaction.
        held_ns: Their wall time.
        held_request_count: Requests with such a call.
        kinds: "HTTP" or "MAIL".
        sites: Call sites.
        held_sites: Call sites of the held ones.
        count_max: Most calls in one request.
        serial_counts: Calls of each request that overlap none of the others to that target.
        retry_counts: Calls to one path of which all but the last failed, one figure for each
            request that had two or more.
        retry_wall_ns: Wall time of those calls but the last of each.
        retry_sites: Call sites of those.
        repeat_counts: Calls that only asked the same URL again, one figure for each request that
            had some.
        repeat_wall_ns: Wall time of those.
        repeat_sites: Call sites of those.
    """

    route: str
    target: str
    request_count: int = 0
    call_count: int = 0
    wall_ns: int = 0
    durations_ns: list[int] = field(default_factory=list)
    error_count: int = 0
    no_timeout_count: int = 0
    held_count: int = 0
    held_ns: int = 0
    held_request_count: int = 0
    kinds: Counter[str] = field(default_factory=Counter)
    sites: Counter[str] = field(default_factory=Counter)
    held_sites: Counter[str] = field(default_factory=Counter)
    count_max: int = 0
    serial_counts: list[int] = field(default_factory=list)
    retry_counts: list[int] = field(default_factory=list)
    retry_wall_ns: int = 0
    retry_sites: Counter[str] = field(default_factory=Counter)
    repeat_counts: list[int] = field(default_factory=list)
    repeat_wall_ns: int = 0
    repeat_sites: Counter[str] = field(default_factory=Counter)


@artifact("external-calls")
def external_calls(view: View) -> Mapping[tuple[str, str], ExternalCalls]:
    """Return calls by (route, target) over the steady state."""
    found: dict[tuple[str, str], ExternalCalls] = {}
    knows_transactions = _knows_transactions(view)
    for request in view[steady_state].requests:
        calls = [span for span in request.spans if span.kind in _KINDS]
        if not calls:
            continue
        by_target: dict[str, list[Span]] = {}
        for call in calls:
            by_target.setdefault(call.name, []).append(call)
        for target, group in by_target.items():
            entry = found.setdefault((request.route, target), ExternalCalls(request.route, target))
            _add(entry, group, request, knows_transactions=knows_transactions)
    _sites_of_the_whole_run(view, found)
    return found


def _add(
    entry: ExternalCalls, calls: list[Span], request: RequestRow, *, knows_transactions: bool
) -> None:
    entry.request_count += 1
    entry.call_count += len(calls)
    entry.count_max = max(entry.count_max, len(calls))
    entry.serial_counts.append(_serial(calls))
    if len(calls) > 1:
        _add_retries(entry, calls)
        _add_repeats(entry, calls)
    is_any_held = False
    for call in calls:
        entry.wall_ns += call.wall_ns
        entry.durations_ns.append(call.wall_ns)
        entry.error_count += bool(call.flags & _ERROR)
        entry.no_timeout_count += bool(call.flags & _NO_TIMEOUT)
        entry.kinds[call.kind.name] += 1
        entry.sites[call.site] += 1
        if _is_held(call, request, knows_transactions=knows_transactions):
            is_any_held = True
            entry.held_count += 1
            entry.held_ns += call.wall_ns
            entry.held_sites[call.site] += 1
    entry.held_request_count += is_any_held


def _add_retries(entry: ExternalCalls, calls: list[Span]) -> None:
    """Count the longest run of failures at one path, with the call that ended it."""
    longest: list[Span] = []
    runs: dict[str, list[Span]] = {}
    for call in sorted(calls, key=lambda call: call.start_ns):
        run = runs.setdefault(call.detail, [])
        run.append(call)
        if len(run) > len(longest):
            longest = list(run)
        if not call.flags & _ERROR:
            run.clear()
    if len(longest) > 1:
        entry.retry_counts.append(len(longest))
        for call in longest[:-1]:
            entry.retry_wall_ns += call.wall_ns
            entry.retry_sites[call.site] += 1


def _add_repeats(entry: ExternalCalls, calls: list[Span]) -> None:
    """Count the calls that ask a URL which was answered before."""
    answered: set[int] = set()
    count = 0
    for call in sorted(calls, key=lambda call: call.start_ns):
        if call.digest in answered:
            count += 1
            entry.repeat_wall_ns += call.wall_ns
            entry.repeat_sites[call.site] += 1
        elif call.digest and not call.flags & _ERROR:
            answered.add(call.digest)
    if count:
        entry.repeat_counts.append(count)


def _serial(calls: list[Span]) -> int:
    """Return how many calls begin after every one before them has ended."""
    count, end = 0, 0
    for call in sorted(calls, key=lambda call: call.start_ns):
        count += call.start_ns >= end
        end = max(end, call.start_ns + call.wall_ns)
    return count


def _is_held(call: Span, request: RequestRow, *, knows_transactions: bool) -> bool:
    """Return whether some connection of the request was in a transaction during a call.

    The probe asks the driver and marks the call. In a recording without such marks a connection
    counts from its first statement, or BEGIN, until COMMIT, ROLLBACK or its return to the pool.
    """
    if knows_transactions:
        return bool(call.flags & _IN_TRANSACTION)
    opened: dict[int, int] = {}
    for span in request.spans:
        if span.start_ns >= call.start_ns:
            continue
        end = span.start_ns + span.wall_ns
        if span.kind in _DATABASE:
            opened.setdefault(span.connection, span.start_ns)
        elif (span.kind in _ENDS or span.kind is SpanKind.CONNECTION) and end <= call.start_ns:
            opened.pop(span.connection, None)
    return bool(opened)


def _knows_transactions(view: View) -> bool:
    """Return whether the probe asked the driver for its transaction state."""
    return any(
        span.flags & _IN_TRANSACTION
        for request in view.recording.requests
        for span in request.spans
    )


def _sites_of_the_whole_run(view: View, found: Mapping[tuple[str, str], ExternalCalls]) -> None:
    """Sites may be sampled in the warm-up only: add those where the steady state has none."""
    wanted = {key for key, entry in found.items() if not any(entry.sites)}
    if not wanted:
        return
    for request in view.recording.requests:
        for span in request.spans:
            if span.kind in _KINDS and span.site and (request.route, span.name) in wanted:
                found[request.route, span.name].sites[span.site] += 1
