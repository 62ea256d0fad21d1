"""Plots that need no script: the plan of a cache, and growth over the size of the data."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from flask_assay.model.document import GrowthCurve
from flask_assay.model.effect import CachePlan, CachePoint
from flask_assay.report import figures

__all__ = [
    "CACHE_HEAD",
    "Curve",
    "Plot",
    "cache_plan",
    "cache_rows",
    "cache_sentence",
    "cache_words",
]

CACHE_HEAD = ("Lifetime", "Hits", "predicted", "Stale", "predicted")
_CURVES: tuple[tuple[str, str, Callable[[CachePoint], float | None]], ...] = (
    ("hits", "hits, measured", lambda point: point.hit_ratio),
    ("hits-predicted", "hits, predicted", lambda point: point.predicted_hit_ratio),
    ("stale", "stale hits, measured", lambda point: point.stale_ratio),
    ("stale-predicted", "stale hits, predicted", lambda point: point.predicted_stale_ratio),
)
GROWTH_CURVES = 8
"""Routes drawn; the table has all."""
NOT_CONFIRMED = "not confirmed"
_MARGIN = 4.0  # percent, so that the first and the last mark are whole


@dataclass(frozen=True, slots=True)
class Curve:
    """One line: points in percent of the plot, from its upper left corner."""

    name: str
    words: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The line as an SVG path."""
        return "M" + "L".join(f"{x:.2f} {y:.2f}" for x, y in self.points) if self.points else ""


@dataclass(frozen=True, slots=True)
class GrowthPlot:
    """Lines on two logarithmic axes; ticks are (percent, words)."""

    lines: tuple[Curve, ...]
    across: tuple[tuple[float, str], ...]
    up: tuple[tuple[float, str], ...]


@dataclass(frozen=True, slots=True)
class Plot:
    """Lines, and ticks (percent, words, whether it is what is proposed) below them."""

    lines: tuple[Curve, ...]
    ticks: tuple[tuple[float, str, bool], ...]


def cache_plan(plan: CachePlan) -> Plot:
    """Return where the marks of a plan lie; lifetimes on a logarithmic axis."""
    points = [point for point in plan.points if 0 < point.ttl_s < math.inf]
    ends = [math.log(point.ttl_s) for point in points] or [0.0]
    low, extent = min(ends), (max(ends) - min(ends)) or 1.0

    def across(point: CachePoint) -> float:
        return _MARGIN + (100 - 2 * _MARGIN) * (math.log(point.ttl_s) - low) / extent

    lines = tuple(
        Curve(
            name, words, tuple((across(p), _down(y)) for p in points if (y := ratio(p)) is not None)
        )
        for name, words, ratio in _CURVES
    )
    ticks = tuple(
        (across(point), figures.seconds(point.ttl_s), point.ttl_s == plan.chosen_ttl_s)
        for point in points
    )
    return Plot(lines, ticks)


def _down(ratio: float) -> float:
    return 100 * (1 - min(1.0, max(0.0, ratio))) if math.isfinite(ratio) else 100.0


def cache_words(plan: CachePlan) -> str:
    """Return what the figures of a plan stand on, and what it proposes."""
    whose = "one entry per caller" if plan.is_per_identity else "one entry for everybody"
    repeated = f"{figures.plural(plan.request_count, 'request')} of the load repeated in order"
    writes = f", with {figures.plural(plan.write_count, 'write')} between them"
    left = f", {figures.count(plan.left_out_count)} left out" if plan.left_out_count else ""
    advice = (
        "delete on write instead of a lifetime"
        if plan.chosen_ttl_s is None
        else f"proposed: {figures.seconds(plan.chosen_ttl_s)}"
    )
    return f"{whose}; {repeated}{writes}{left}; {_doubt(plan)}{advice}"


def _doubt(plan: CachePlan) -> str:
    """Return why the staleness was not measured; empty if it was."""
    if all(point.stale_ratio is not None for point in plan.points):
        return ""
    refused, total = plan.refused_write_count, plan.write_count + plan.refused_write_count
    counts = f"{figures.count(refused)} of {figures.plural(total, 'write')}"
    return f"staleness not confirmed: {counts} were refused on replay; "


def cache_sentence(plan: CachePlan) -> str:
    """Return a plan in one sentence: its proposed lifetime, or the shortest if none is good."""
    chosen = [point for point in plan.points if point.ttl_s == plan.chosen_ttl_s]
    for point in chosen or plan.points[:1]:
        return (
            f"Cache plan, {plan.route}: at {figures.seconds(point.ttl_s)} "
            f"{_points(point.hit_ratio)} hits (predicted {_points(point.predicted_hit_ratio)}), "
            f"{_stale(plan, point)}."
        )
    return f"Cache plan, {plan.route}: no lifetime was tried."


def _stale(plan: CachePlan, point: CachePoint) -> str:
    predicted = _points(point.predicted_stale_ratio)
    if point.stale_ratio is None:
        return f"{predicted} of them stale by prediction ({_doubt(plan).removesuffix('; ')})"
    return f"{_points(point.stale_ratio)} of them stale (predicted {predicted})"


def cache_rows(plan: CachePlan) -> Sequence[tuple[str, ...]]:
    """Return the cells under ``CACHE_HEAD``."""
    return [
        (
            figures.seconds(point.ttl_s),
            _points(point.hit_ratio),
            _points(point.predicted_hit_ratio),
            NOT_CONFIRMED if point.stale_ratio is None else _points(point.stale_ratio),
            _points(point.predicted_stale_ratio),
        )
        for point in plan.points
    ]


def _points(ratio: float) -> str:
    """Return a ratio with the digit in which prediction and measurement are compared."""
    return f"{ratio * 100:.1f} %" if math.isfinite(ratio) else figures.NOTHING


def growth(curves: Sequence[GrowthCurve]) -> GrowthPlot | None:
    """Return where the first curves lie; None if there is nothing to draw."""
    drawn = [(curve, _marks(curve)) for curve in curves[:GROWTH_CURVES]]
    marks = [mark for _, points in drawn for mark in points]
    if not marks:
        return None
    left, right = min(x for x, _ in marks), max(x for x, _ in marks)
    low = 10 ** math.floor(math.log10(min(y for _, y in marks)))
    high = 10 ** math.ceil(math.log10(max(*(y for _, y in marks), low * 1.001)))

    def across(rows: float) -> float:
        extent = math.log(right / left) or 1.0
        return _MARGIN + (100 - 2 * _MARGIN) * math.log(rows / left) / extent

    def down(blocks: float) -> float:
        return 100 * (1 - math.log(blocks / low) / math.log(high / low))

    lines = tuple(
        Curve(str(number), curve.route, tuple((across(x), down(y)) for x, y in points))
        for number, (curve, points) in enumerate(drawn)
    )
    decades = range(round(math.log10(high / low)) + 1)
    return GrowthPlot(
        lines,
        tuple((across(rows), figures.number(rows)) for rows in sorted({x for x, _ in marks})),
        tuple((down(low * 10**n), figures.number(low * 10**n)) for n in decades),
    )


def _marks(curve: GrowthCurve) -> list[tuple[float, float]]:
    pairs = zip(curve.table_rows, curve.blocks, strict=False)
    return [(x, y) for x, y in pairs if x > 0 and y > 0 and math.isfinite(y)]


def exponent_words(curve: GrowthCurve) -> str:
    """Return the exponent of a curve."""
    if curve.exponent is None or not math.isfinite(curve.exponent):
        return figures.NOTHING
    return f"{round(curve.exponent, 2) + 0.0:.2f}".replace("-", "\N{MINUS SIGN}")
