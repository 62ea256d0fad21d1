"""How one figure grows with another, robustly."""

import math
import statistics
from collections.abc import Sequence

from flask_assay.stats.quantiles import RankInterval, normal_quantile

__all__ = ["growth_exponent", "theil_sen"]

_PAIRS_LIMIT = 4_000_000


def theil_sen(x: Sequence[float], y: Sequence[float], *, level: float = 0.95) -> RankInterval:
    """Return the median slope over all pairs of points, with Kendall's interval.

    Up to 29 % of the points may be wild without moving it far.

    Args:
        x: Abscissae; pairs with equal ones are left out.
        y: Ordinates, same length.
        level: Confidence, 0..1; the normal approximation wants ten points or more.

    Returns:
        Slope in units of y per unit of x.

    Raises:
        ValueError: If the lengths differ, no two abscissae differ, or there are too many pairs.

    Example:
        >>> theil_sen([1, 2, 3, 4], [2, 4, 6, 80]).point
        2.0

    References:
        P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", 1968.
    """
    count = len(x)
    if count != len(y):
        raise ValueError(f"{count} abscissae, {len(y)} ordinates: they must be as many")
    if count * (count - 1) // 2 > _PAIRS_LIMIT:
        raise ValueError(f"{count} points: their pairs are too many to list; thin the sample")
    slopes = sorted(
        (y[j] - y[i]) / (x[j] - x[i]) for i in range(count) for j in range(i) if x[i] != x[j]
    )
    if not slopes:
        raise ValueError("a slope needs two points with different abscissae")
    spread = math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    reach = normal_quantile(0.5 + level / 2) * spread
    low = max(0, math.floor((len(slopes) - reach) / 2))
    high = min(len(slopes) - 1, math.ceil((len(slopes) + reach) / 2))
    return RankInterval(statistics.median(slopes), slopes[low], slopes[high], level)


def growth_exponent(
    sizes: Sequence[float], counts: Sequence[float], *, level: float = 0.95
) -> RankInterval:
    """Return b of ``count ~ size ** b``: 0 is flat, 1 proportional, 2 quadratic.

    Meant for counters (tuples, statements, bytes). Times have a constant part, which flattens
    the slope: do not use it on them.

    Args:
        sizes: Data sizes, above zero; other points are left out.
        counts: Counter at each size, above zero; other points are left out.
        level: Confidence of the interval.

    Returns:
        The exponent with its interval.

    Raises:
        ValueError: If fewer than two usable sizes differ.

    Example:
        >>> round(growth_exponent([1, 4, 16], [10, 40, 160]).point, 6)
        1.0
    """
    points = [(s, c) for s, c in zip(sizes, counts, strict=True) if s > 0 and c > 0]
    return theil_sen(
        [math.log(s) for s, _ in points], [math.log(c) for _, c in points], level=level
    )
