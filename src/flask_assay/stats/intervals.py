"""Student's interval: for the few figures that one launch each gives."""

import math
import statistics
from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple

__all__ = ["Interval", "mean_interval", "t_quantile", "t_tail"]


class Interval(NamedTuple):
    """An estimate with its interval, in the unit of the sample."""

    point: float
    low: float
    high: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> Interval:
    """Return the mean with Student's t interval; each value is one launch.

    It assumes that the values are independent and roughly normal, which holds for the medians
    of launches and not for single requests: requests of one process share its luck.

    Args:
        values: One figure per launch, at least two.
        level: Confidence, 0..1.

    Returns:
        Mean and interval, in the unit of the values.

    Raises:
        ValueError: If there are fewer than two values.

    Example:
        >>> round(mean_interval([1.0, 2.0, 3.0]).low, 2)
        -0.48
    """
    if len(values) < 2:
        raise ValueError(f"{len(values)} value(s): an interval over launches needs at least two")
    middle = statistics.fmean(values)
    half = t_quantile(0.5 + level / 2, len(values) - 1) * statistics.stdev(values)
    half /= math.sqrt(len(values))
    return Interval(middle, middle - half, middle + half)


def t_tail(at: float, freedom: float) -> float:
    """Return the probability that Student's t is larger.

    Args:
        at: Zero or more.
        freedom: Degrees of freedom, also fractions.

    Example:
        >>> round(t_tail(2.776, 4), 3)
        0.025
    """
    return 0.5 * _beta_ratio(freedom / 2, 0.5, freedom / (freedom + at * at))


@lru_cache(maxsize=1024)
def t_quantile(probability: float, freedom: float) -> float:
    """Return the quantile of Student's t distribution by bisection on its distribution function.

    Example:
        >>> round(t_quantile(0.975, 4), 3)
        2.776
    """
    if freedom < 1:
        raise ValueError(f"{freedom} degrees of freedom: at least one is needed")
    if probability < 0.5:
        return -t_quantile(1 - probability, freedom)
    tail = 1 - probability
    low, high = 0.0, 2.0
    while t_tail(high, freedom) > tail and high < 1e6:
        high *= 2
    for _ in range(50):
        middle = (low + high) / 2
        low, high = (middle, high) if t_tail(middle, freedom) > tail else (low, middle)
    return (low + high) / 2


def _beta_ratio(a: float, b: float, x: float) -> float:
    """Return the regularised incomplete beta function by its continued fraction."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    if x > (a + 1) / (a + b + 2):
        return 1 - _beta_ratio(b, a, 1 - x)
    log_front = math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b)
    front = math.exp(log_front + a * math.log(x) + b * math.log1p(-x)) / a
    fraction, c, d = 1.0, 1.0, 0.0
    for i in range(300):
        m = i // 2
        if i == 0:
            numerator = 1.0
        elif i % 2 == 0:
            numerator = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        else:
            numerator = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d = 1 / (1 + numerator * d or 1e-300)
        c = 1 + numerator / c or 1e-300
        fraction *= c * d
        if abs(1 - c * d) < 1e-12:
            break
    return front * (fraction - 1)
