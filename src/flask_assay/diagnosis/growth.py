"""The work of routes at several sizes of the data, as curves."""

from collections.abc import Sequence

from flask_assay.artifacts.size_series import size_series
from flask_assay.artifacts.view import UnavailableError, View
from flask_assay.model.document import GrowthCurve
from flask_assay.model.growth import RouteGrowth
from flask_assay.stats.slope import growth_exponent

__all__ = ["growth_of"]

_SIZES_MIN = 3


def growth_of(view: View) -> tuple[GrowthCurve, ...]:
    """Return a curve for each route that reads tables, what grows most first."""
    try:
        growth = view[size_series]
    except UnavailableError:
        return ()
    sizes = tuple(size.row_count for size in growth.sizes)
    curves = [_curve(route, sizes) for route in growth.routes if len(route.points) == len(sizes)]
    reading = [each for each in curves if any(each.blocks)]
    return tuple(sorted(reading, key=lambda each: -_weight(each)))


def _curve(route: RouteGrowth, sizes: tuple[int, ...]) -> GrowthCurve:
    blocks = tuple(point.block_count for point in route.points)
    return GrowthCurve(
        route=route.route,
        table_rows=sizes,
        blocks=blocks,
        rows=tuple(point.row_count for point in route.points),
        statements=tuple(point.statement_count for point in route.points),
        exponent=_exponent(sizes, blocks),
    )


def _exponent(sizes: Sequence[int], counts: Sequence[float]) -> float | None:
    if len(set(sizes)) < _SIZES_MIN or min(counts) <= 0 or min(sizes) <= 0:
        return None
    return growth_exponent(sizes, counts).point


def _weight(curve: GrowthCurve) -> float:
    """Return by how many blocks a request grew."""
    return curve.blocks[-1] - curve.blocks[0] if curve.blocks else 0.0
