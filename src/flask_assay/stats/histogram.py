"""Histograms with growing buckets: the same relative width at 1 ms and at 10 s."""

import math
from collections import Counter
from collections.abc import Iterable

__all__ = ["growing_histogram"]


def growing_histogram(
    values: Iterable[float], *, factor: float = 1.2, smallest: float = 0.000_1
) -> tuple[tuple[float, int], ...]:
    """Return (upper bound, count) for each bucket between the lowest and the highest used one.

    Args:
        values: Any order; not above zero counts into the first bucket.
        factor: Each bound over the one before it.
        smallest: Upper bound of the first bucket, in the unit of the values.

    Returns:
        Buckets in ascending order without a gap, empty for an empty sample.

    Raises:
        ValueError: If the factor is not above 1.

    Example:
        >>> growing_histogram([1.0, 1.5, 7.9], factor=2, smallest=1)
        ((1, 1), (2, 1), (4, 0), (8, 1))
    """
    if factor <= 1:
        raise ValueError(f"factor {factor}: buckets grow, so it must be above 1")
    step = math.log(factor)
    counted: Counter[int] = Counter(
        max(0, math.ceil(math.log(value / smallest) / step - 1e-9)) if value > 0 else 0
        for value in values
    )
    if not counted:
        return ()
    first, last = min(counted), max(counted)
    return tuple((smallest * factor**k, counted[k]) for k in range(first, last + 1))
