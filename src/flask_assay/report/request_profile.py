"""One profiled request as text: what it did, its tree of calls, its functions by own time."""

import statistics
from collections.abc import Iterator

from flask_assay.model.request_profile import FunctionTime, RequestProfile
from flask_assay.report import figures, flame

__all__ = ["render"]

LEAST_RATIO = 0.02  # of the request; smaller branches of the tree are not shown
MOST_DEPTH = 24
FUNCTIONS = 20
_NAME_MAX = 70


def render(found: RequestProfile) -> str:
    """Return the text, without a line break at its end."""
    return "\n".join((*_head(found), "", *_tree(found), "", *_functions(found)))


def _head(found: RequestProfile) -> Iterator[str]:
    durations = sorted(found.durations_s)
    middle = statistics.median(durations)
    statuses = ", ".join(
        status if len(found.statuses) == 1 else f"{count} × {status}"
        for status, count in found.statuses.items()
    )
    yield f"{found.method} {found.path}  →  {statuses}, {figures.byte_size(found.body_bytes)}"
    if found.route:
        yield f"route       {found.route}"
    yield (
        f"duration    {figures.seconds(middle)} (median of {len(durations)}, "
        f"{figures.interval(durations[0], durations[-1])})"
    )
    yield f"CPU         {figures.seconds(found.cpu_s)} (mean, all threads of the process)"
    yield f"SQL         {figures.plural(found.statement_count, 'statement')}"


def _tree(found: RequestProfile) -> Iterator[str]:
    profile = found.profile
    yield (
        f"Where the time goes, waits included ({figures.plural(profile.sample_count, 'sample')}, "
        f"one each {figures.seconds(profile.interval_s)})"
    )
    for one in profile.endpoints:
        root = flame.tree_of(profile, one)
        yield from _branch(root, root.total, 0)


def _branch(node: flame.Node, whole: int, depth: int) -> Iterator[str]:
    if node.total < LEAST_RATIO * whole or depth > MOST_DEPTH or not whole:
        return
    name, place = node.frame.text, ""
    if node.frame.kind == "user":
        file, _, name = node.frame.text.rpartition(" ")
        line = max(node.lines, key=lambda at: (node.lines[at], -at))
        place = f"  {file}:{line}"
    yield (
        f"{figures.seconds(node.total / 1e6):>9} {figures.percent(node.total / whole):>6}  "
        f"{'  ' * depth}{name}{place}"
    )
    for kid in sorted(node.kids.values(), key=lambda kid: -kid.total):
        yield from _branch(kid, whole, depth + 1)


def _functions(found: RequestProfile) -> Iterator[str]:
    slower = found.traced_s / max(1e-9, statistics.median(found.durations_s))
    yield (
        "Functions by own time, one request (traced: the request takes "
        f"{figures.number(slower, digits=2)} times as long, small functions most)"
    )
    yield f"{'own':>9} {'total':>9} {'calls':>8}  function"
    for row in found.functions[:FUNCTIONS]:
        yield (
            f"{figures.seconds(row.own_s):>9} {figures.seconds(row.total_s):>9} "
            f"{figures.number(row.call_count):>8}  {_named(row)}"
        )


def _named(row: FunctionTime) -> str:
    name = row.name if len(row.name) <= _NAME_MAX else row.name[: _NAME_MAX - 1] + "…"
    return f"{name}  {row.place}".rstrip()
