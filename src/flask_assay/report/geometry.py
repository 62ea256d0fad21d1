"""Where the marks of static charts lie: pure numbers in percent, for the templates to draw."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from flask_assay.model.document import RequestTrace, RouteSummary, TraceSpan
from flask_assay.model.effect import Effect
from flask_assay.report import figures, summary

__all__ = [
    "Bar",
    "IntervalMarks",
    "LatencyAxis",
    "Segment",
    "Spread",
    "WaterfallRow",
    "axis_ticks",
    "gist",
    "interval_marks",
    "latency_axis",
    "latency_bars",
    "mean_s",
    "segments",
    "spread",
    "waterfall",
]

_BARS_PER_ROW = 120
_BUCKETS_PER_ROUTE = 60
_MIN_WIDTH = 0.25  # percent; thinner marks cannot be seen
_PART_OF_KIND = {
    "query": "database",
    "begin": "database",
    "commit": "database",
    "rollback": "database",
    "savepoint": "database",
    "connect": "database",
    "connection": "held",
    "pool-wait": "pool-wait",
    "cache": "cache",
    "http": "external",
    "mail": "external",
    "template": "template",
    "compile": "template",
}


@dataclass(frozen=True, slots=True)
class Bar:
    """A mark on a track: offset and extent in percent of it."""

    left: float
    width: float
    height: float = 100.0


@dataclass(frozen=True, slots=True)
class Segment:
    """One part of a stacked bar."""

    part: str
    words: str
    value_s: float
    left: float
    width: float


@dataclass(frozen=True, slots=True)
class IntervalMarks:
    """An effect on its axis: where zero, the estimate and the interval lie."""

    zero: float
    at: float
    bar: Bar


@dataclass(frozen=True, slots=True)
class Spread:
    """Times before and after on one logarithmic axis, as bars; ticks are (percent, words)."""

    before: tuple[Bar, ...]
    after: tuple[Bar, ...]
    ticks: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class LatencyAxis:
    """A logarithmic time axis that all routes share, so that they can be compared by eye."""

    low_s: float
    high_s: float

    def at(self, value_s: float) -> float:
        """Return where a time lies, in percent."""
        if not value_s > self.low_s:
            return 0.0
        share = math.log(value_s / self.low_s) / math.log(self.high_s / self.low_s)
        return 100 * min(1.0, share)


@dataclass(frozen=True, slots=True)
class WaterfallRow:
    """The spans of one label on one line: an N+1 is then one line with many marks."""

    kind: str
    part: str
    label: str
    site: str
    span_count: int
    total_s: float
    first_s: float
    bars: tuple[Bar, ...]


def latency_axis(routes: Sequence[RouteSummary]) -> LatencyAxis:
    """Return an axis that holds every histogram, from 0.1 ms to 1 s at least one decade wide."""
    bounds = [b for r in routes for b, n in r.histogram if n and 0 < b < math.inf]
    low, high = min(bounds, default=1e-3) / 1.6, max(bounds, default=1.0)
    return LatencyAxis(low, max(high, low * 10))


def latency_bars(route: RouteSummary, axis: LatencyAxis) -> tuple[Bar, ...]:
    """Return the bars of a route's histogram; the last, open bucket ends at the axis' end."""
    size = math.ceil(len(route.histogram) / _BUCKETS_PER_ROUTE) or 1
    groups = [route.histogram[i : i + size] for i in range(0, len(route.histogram), size)]
    buckets = [(group[-1][0], sum(n for _, n in group)) for group in groups]
    tallest = max((n for _, n in buckets), default=0)
    bars, left = [], 0.0
    for bound, n in buckets:
        right = axis.at(bound) if bound < math.inf else 100.0
        # Empty buckets may be left out of a histogram: no bar is wider than a fifth of a decade.
        start = max(left, axis.at(bound / 1.6)) if bound < math.inf else left
        if n > 0 and right > start:
            bars.append(Bar(start, right - start, max(4.0, 100 * n / tallest)))
        left = right
    return tuple(bars)


def segments(route: RouteSummary) -> tuple[Segment, ...]:
    """Return a route's time breakdown, side by side."""
    parts = summary.breakdown(route)
    total = sum(v for _, _, v in parts)
    made, left = [], 0.0
    for part, words, value in parts:
        width = 100 * value / total
        made.append(Segment(part, words, value, left, width))
        left += width
    return tuple(made)


def mean_s(route: RouteSummary) -> float:
    """Return what the segments are shares of: the mean time with the wait for a worker."""
    return sum(segment.value_s for segment in segments(route)) or route.mean_s


def interval_marks(effect: Effect, effects: Sequence[Effect]) -> IntervalMarks:
    """Return an effect's marks on an axis that holds all of ``effects`` and zero."""
    ends = [v for e in effects for v in (e.low_s, e.high_s, e.change_s) if math.isfinite(v)]
    low, high = min([*ends, 0.0]), max([*ends, 0.0])
    margin = (high - low) * 0.06 or 1.0
    low, high = low - margin, high + margin

    def at(value: float) -> float:
        share = (value - low) / (high - low)
        return 100 * min(1.0, max(0.0, share)) if math.isfinite(share) else 0.0

    left = at(effect.low_s)
    return IntervalMarks(
        at(0.0), at(effect.change_s), Bar(left, max(_MIN_WIDTH, at(effect.high_s) - left))
    )


def spread(effect: Effect) -> Spread | None:
    """Return an effect's times before and after as bars; None if too few were kept."""
    bins = effect.distribution
    usable = len(bins) > 1 and 0 < bins[0][0] < bins[-1][0] < math.inf
    if not usable:
        return None
    ratio = bins[1][0] / bins[0][0]
    axis = LatencyAxis(bins[0][0] / ratio, bins[-1][0])
    tallest = max(max(before, after) for _, before, after in bins) or 1
    sides: tuple[list[Bar], list[Bar]] = ([], [])
    for bound, *counts in bins:
        left = axis.at(bound / ratio)
        for side, count in zip(sides, counts, strict=True):
            if count:
                side.append(Bar(left, axis.at(bound) - left, 100 * count / tallest))
    middle = math.sqrt(axis.low_s * axis.high_s)
    ticks = tuple((axis.at(v), figures.seconds(v)) for v in (axis.low_s, middle, axis.high_s))
    return Spread(tuple(sides[0]), tuple(sides[1]), ticks)


def waterfall(trace: RequestTrace, *, row_count: int = 40) -> tuple[WaterfallRow, ...]:
    """Return a request's rows in order of their first span, equal labels on one row."""
    rows: dict[tuple[str, str, str], list[TraceSpan]] = {}
    for span in sorted(trace.spans, key=lambda s: s.start_s):
        rows.setdefault((span.kind, span.label, span.site), []).append(span)
    return tuple(
        _row(kind, label, site, spans, trace.duration_s)
        for (kind, label, site), spans in list(rows.items())[:row_count]
    )


def _row(
    kind: str, label: str, site: str, spans: list[TraceSpan], duration_s: float
) -> WaterfallRow:
    plain = kind.lower().replace("_", "-")
    return WaterfallRow(
        kind=plain,
        part=_PART_OF_KIND.get(plain, "unexplained"),
        label=label,
        site=site,
        span_count=len(spans),
        total_s=sum(s.duration_s for s in spans),
        first_s=spans[0].start_s,
        bars=tuple(_span_bar(s, duration_s) for s in spans[:_BARS_PER_ROW]),
    )


def _span_bar(span: TraceSpan, duration_s: float) -> Bar:
    def share(value: float) -> float:
        ratio = value / duration_s if duration_s > 0 else 0.0
        return 100 * min(1.0, max(0.0, ratio)) if math.isfinite(ratio) else 0.0

    left = min(share(span.start_s), 100 - _MIN_WIDTH)
    return Bar(left, min(100 - left, max(_MIN_WIDTH, share(span.duration_s))))


def gist(label: str) -> str:
    """Return a label with the list of selected columns cut out: what follows tells more.

    >>> gist("SELECT orders.id, orders.total FROM orders WHERE orders.user_id = ?")
    'SELECT … FROM orders WHERE orders.user_id = ?'
    >>> gist("q12 SELECT orders.id, orders.total FROM orders")
    'q12 SELECT … FROM orders'
    """
    return re.sub(
        r"^((?:q\d+ )?SELECT) .{12,}? (FROM) ", r"\1 … \2 ", label, count=1, flags=re.IGNORECASE
    )


def axis_ticks(duration_s: float) -> tuple[tuple[float, str], ...]:
    """Return (percent, words) of the marks under a waterfall."""
    return tuple((p, figures.seconds(duration_s * p / 100)) for p in (0.0, 25.0, 50.0, 75.0, 100.0))
