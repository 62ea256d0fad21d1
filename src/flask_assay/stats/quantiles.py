"""Quantiles with distribution-free intervals."""

import math
from collections.abc import Sequence
from typing import NamedTuple

__all__ = ["RankInterval", "normal_quantile", "quantile", "quantile_interval"]

_EXACT_UP_TO = 2_000  # beyond it the normal approximation of the binomial is off by < 1 rank


class RankInterval(NamedTuple):
    """A point with the interval between two ranks of the sample around it.

    Attributes:
        point: The estimate.
        low: Lower end.
        high: Upper end.
        level: Confidence that the interval really reaches, 0..1; it can lie below the level asked
            for where the sample is too small, and is never rounded up.
    """

    point: float
    low: float
    high: float
    level: float

    @property
    def excludes_zero(self) -> bool:
        """Whether the interval lies on one side of zero."""
        return self.low > 0 or self.high < 0


def quantile(ordered: Sequence[float], ratio: float) -> float:
    """Return the quantile of an ordered sample, interpolated between neighbours.

    Args:
        ordered: Sample in ascending order.
        ratio: 0.5 for the median, 0.95 for p95.

    Returns:
        The quantile, in the sample's unit.

    Raises:
        ValueError: If the sample is empty or the ratio is outside 0..1.

    Example:
        >>> quantile([1.0, 2.0, 3.0, 4.0], 0.5)
        2.5
    """
    if not ordered:
        raise ValueError("an empty sample has no quantile")
    if not 0 <= ratio <= 1:
        raise ValueError(f"ratio {ratio}: a quantile's ratio is between 0 and 1")
    at = ratio * (len(ordered) - 1)
    below = math.floor(at)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (at - below)


def quantile_interval(
    ordered: Sequence[float], ratio: float, *, level: float = 0.95
) -> RankInterval:
    """Return a quantile and the interval between two order statistics around it.

    The number of values below the true quantile is binomial whatever the distribution is, so
    the ranks between which it falls with the asked probability are known beforehand.

    Args:
        ordered: Sample in ascending order.
        ratio: 0.5 for the median, 0.95 for p95.
        level: Confidence asked for, 0..1. Small samples cannot reach it at the tails.

    Returns:
        The quantile with the narrowest symmetric pair of ranks, and the level they reach.

    Raises:
        ValueError: If the sample is empty or the ratio is outside 0..1.

    References:
        H. A. David, H. N. Nagaraja, "Order Statistics", 3rd edition, section 7.1, 2003.
    """
    point = quantile(ordered, ratio)
    count = len(ordered)
    if count > _EXACT_UP_TO:
        low_rank, high_rank = _normal_ranks(count, ratio, level)
        return RankInterval(point, ordered[low_rank - 1], ordered[high_rank - 1], level)
    cumulative = _binomial_cumulative(count, ratio)
    tail = (1 - level) / 2
    low_rank = max(1, _first_above(cumulative, tail))
    high_rank = min(count, _first_above(cumulative, 1 - tail) + 1)
    reached = cumulative[high_rank - 1] - cumulative[low_rank - 1]
    return RankInterval(point, ordered[low_rank - 1], ordered[high_rank - 1], reached)


def normal_quantile(probability: float) -> float:
    """Return the standard normal quantile by Newton's method on ``erf``."""
    at = 0.0
    for _ in range(60):
        error = 0.5 * (1 + math.erf(at / math.sqrt(2))) - probability
        slope = math.exp(-at * at / 2) / math.sqrt(2 * math.pi)
        step = max(-1.0, min(1.0, error / slope))
        at -= step
        if abs(step) < 1e-12:
            break
    return at


def _binomial_cumulative(count: int, ratio: float) -> list[float]:
    """Return P(X <= k) for k = 0..count."""
    if ratio in {0, 1}:
        return [1.0 if ratio == 0 or k == count else 0.0 for k in range(count + 1)]
    log_ratio, log_rest = math.log(ratio), math.log1p(-ratio)
    total, found = 0.0, []
    whole = math.lgamma(count + 1)
    for k in range(count + 1):
        log_ways = whole - math.lgamma(k + 1) - math.lgamma(count - k + 1)
        total += math.exp(log_ways + k * log_ratio + (count - k) * log_rest)
        found.append(min(1.0, total))
    return found


def _first_above(cumulative: list[float], probability: float) -> int:
    """Return the smallest k with P(X <= k) > probability."""
    for k, reached in enumerate(cumulative):
        if reached > probability:
            return k
    return len(cumulative) - 1


def _normal_ranks(count: int, ratio: float, level: float) -> tuple[int, int]:
    spread = normal_quantile(0.5 + level / 2) * math.sqrt(count * ratio * (1 - ratio))
    middle = count * ratio
    return max(1, math.floor(middle - spread)), min(count, math.ceil(middle + spread) + 1)
