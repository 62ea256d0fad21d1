"""The charts over time: which lines share a chart, their units, and their summary in words."""

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_assay.model.document import Series
from flask_assay.report import figures

__all__ = ["Chart", "Line", "as_data", "charts"]


@dataclass(frozen=True, slots=True)
class Line:
    """One line: its name, what the points are in, and their summary.

    Attributes:
        name: In words.
        style: 0, 1, 2 …; picks colour and dash together.
        is_right: Whether its scale is the right one.
        t_s: Seconds since the first request.
        values: In the chart's unit.
        median: In words.
        highest: In words.
    """

    name: str
    style: int
    is_right: bool
    t_s: tuple[float, ...]
    values: tuple[float | None, ...]
    median: str
    highest: str


@dataclass(frozen=True, slots=True)
class Chart:
    """Lines of one kind."""

    title: str
    unit: str
    right_unit: str
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class _Kind:
    title: str
    unit: str
    names: tuple[str, ...]
    factor: float
    words: Callable[[float], str]
    right_unit: str = ""
    right_names: tuple[str, ...] = ()


_LABELS = {
    "p50_s": "p50",
    "p90_s": "p90",
    "p95_s": "p95",
    "p99_s": "p99",
    "max_s": "slowest",
    "requests_per_s": "requests per second",
    "errors_per_s": "errors per second",
    "users": "users (right scale)",
    "connections": "connections open",
    "connections_active": "connections running a statement",
    "waiting_locks": "connections waiting for a lock",
    "cache_hit_ratio": "found, of all reads",
    "load_lag_p99_s": "lateness of the load generator, p99",
}
_KINDS = (
    _Kind(
        "Response time",
        "ms",
        ("p50_s", "p90_s", "p95_s", "p99_s", "max_s"),
        1e3,
        figures.seconds,
    ),
    _Kind(
        "Throughput, errors, users",
        "per second",
        ("requests_per_s", "errors_per_s", "users"),
        1.0,
        figures.number,
        right_unit="users",
        right_names=("users",),
    ),
    _Kind("CPU by process (100 % is one processor)", "%", ("cpu_ratio:",), 1e2, figures.percent),
    _Kind("Memory by process", "MB", ("rss_bytes:",), 2.0**-20, figures.byte_size),
    _Kind("Database connections", "", ("connections", "waiting_locks"), 1.0, figures.number),
    _Kind("Cache reads that found something", "%", ("cache_hit_ratio",), 1e2, figures.percent),
    _Kind("Load generator", "ms", ("load_lag_p99_s",), 1e3, figures.seconds),
)


def charts(series: Sequence[Series]) -> tuple[Chart, ...]:
    """Return the charts that have something to show, series of no known kind last."""
    kinds = (*_KINDS, _Kind("Other counts", "", ("",), 1.0, figures.number))
    left = [s for s in series if any(v is not None for v in s.values)]
    made = []
    for kind in kinds:
        mine = [s for s in left if s.name.startswith(kind.names)]
        left = [s for s in left if s not in mine]
        if mine:
            lines = tuple(_line(kind, s, style) for style, s in enumerate(mine))
            made.append(Chart(kind.title, kind.unit, kind.right_unit, lines))
    return tuple(made)


def _line(kind: _Kind, series: Series, style: int) -> Line:
    known = [v for v in series.values if v is not None and math.isfinite(v)]
    return Line(
        name=_LABELS.get(series.name, series.name.partition(":")[2] or series.name),
        style=style,
        is_right=series.name in kind.right_names,
        t_s=series.t_s,
        values=tuple(None if v is None else v * kind.factor for v in series.values),
        median=kind.words(statistics.median(known)) if known else figures.NOTHING,
        highest=kind.words(max(known)) if known else figures.NOTHING,
    )


def as_data(made: Sequence[Chart]) -> list[dict[str, object]]:
    """Return what the script draws: per chart one time axis that all of its lines share."""
    return [
        {
            "unit": chart.unit,
            "rightUnit": chart.right_unit,
            "t": (times := sorted({t for line in chart.lines for t in line.t_s})),
            "lines": [
                {
                    "name": line.name,
                    "style": line.style,
                    "right": line.is_right,
                    "values": _aligned(line, times),
                }
                for line in chart.lines
            ],
        }
        for chart in made
    ]


def _aligned(line: Line, times: Sequence[float]) -> list[float | None]:
    by_time = dict(zip(line.t_s, line.values, strict=True))
    return [None if (v := by_time.get(t)) is None else float(f"{v:.5g}") for t in times]
