"""The open model: when arrivals are due, whatever the server does."""

from collections import deque
from collections.abc import Callable, Iterator
from random import Random
from typing import Literal

__all__ = ["ArrivalQueue", "arrival_times"]

NS_PER_S = 1_000_000_000


def arrival_times(
    rate: float, *, spacing: Literal["constant", "poisson"], start_ns: int, random: Random
) -> Iterator[int]:
    """Yield due times without end, in nanoseconds of the clock that ``start_ns`` is from.

    Args:
        rate: Arrivals per second.
        spacing: "constant" puts them at equal distances, "poisson" draws exponential gaps.
        start_ns: When the schedule begins; the first constant arrival is due then.
        random: Source of the gaps; the same seed gives the same times.

    Raises:
        ValueError: If the rate is not positive.
    """
    if rate <= 0:
        raise ValueError(f"an arrival rate must be above 0, not {rate}")
    if spacing == "constant":
        number = 0
        while True:  # by multiplication, so that rounding does not add up
            yield start_ns + round(number * NS_PER_S / rate)
            number += 1
    elapsed_s = 0.0
    while True:
        elapsed_s += random.expovariate(rate)
        yield start_ns + round(elapsed_s * NS_PER_S)


class ArrivalQueue:
    """Hands due times to free users in order; none is dropped.

    Args:
        times: Due times, increasing.
        end_ns: Arrivals due at or after this time do not happen.
    """

    def __init__(self, times: Iterator[int], *, end_ns: int) -> None:
        self._times = times
        self._returned: deque[int] = deque()
        self._next = next(times)
        self.end_ns = end_ns
        self.taken_count = 0

    def take(self) -> int | None:
        """Return the next due time, which may be past, or None when there are no more."""
        if self._returned:
            self.taken_count += 1
            return self._returned.popleft()
        if self._next >= self.end_ns:
            return None
        due, self._next = self._next, next(self._times)
        self.taken_count += 1
        return due

    def give_back(self, due_ns: int) -> None:
        """Return an arrival that its user could not start."""
        self.taken_count -= 1
        self._returned.append(due_ns)

    def close(self, now_ns: int) -> list[int]:
        """End the schedule now and return the arrivals that were due and never started."""
        self.end_ns = min(self.end_ns, now_ns)
        returned = [due for due in self._returned if due < self.end_ns]
        self._returned.clear()
        return sorted([*returned, *self._untaken()])

    def _untaken(self) -> Iterator[int]:
        taken_before = self.taken_count
        due: Callable[[], int | None] = self.take
        yield from iter(due, None)
        self.taken_count = taken_before
