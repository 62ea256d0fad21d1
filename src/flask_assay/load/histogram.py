"""Live statistics for progress: a log-linear histogram and a sliding window over seconds.

They are for the eyes; the recording keeps every latency as it was measured.
"""

from collections import Counter, deque

__all__ = ["Histogram", "LiveStatistics"]

SIGNIFICANT_BITS = 8  # buckets no wider than 1/128 of their value
WINDOW_S = 5
NS_PER_S = 1_000_000_000


class Histogram:
    """Counts of durations in buckets that grow with the value; memory is bounded."""

    def __init__(self) -> None:
        self.count = 0
        self.buckets: Counter[int] = Counter()

    def add(self, value: int) -> None:
        """Count one non-negative duration, any unit."""
        shift = max(0, value.bit_length() - SIGNIFICANT_BITS)
        self.buckets[value >> shift << shift] += 1
        self.count += 1

    def merge(self, other: "Histogram") -> None:
        """Add another histogram's counts to this one."""
        self.buckets.update(other.buckets)
        self.count += other.count

    def quantile(self, q: float) -> int | None:
        """Return the lower bound of the bucket at rank q (0..1), None if it is empty."""
        rank, seen = q * self.count, 0
        for bound in sorted(self.buckets):
            seen += self.buckets[bound]
            if seen >= rank:
                return bound
        return None


class LiveStatistics:
    """Totals of a run and rate and latency of its last seconds.

    Args:
        message_limit: Distinct failure messages that are kept apart.
    """

    def __init__(self, *, message_limit: int = 200) -> None:
        self.request_count = 0
        self.failure_count = 0
        self.failures: Counter[tuple[str, str]] = Counter()
        self._message_limit = message_limit
        self._seconds: deque[tuple[int, Histogram]] = deque(maxlen=WINDOW_S + 1)

    def add(self, done_ns: int, wall_ns: int, name: str, error: str) -> None:
        """Count one finished request; ``error`` is empty if it succeeded."""
        self.request_count += 1
        if error:
            self.failure_count += 1
            key = (name, error)
            if key not in self.failures and len(self.failures) >= self._message_limit:
                key = ("(other)", "(other failures)")
            self.failures[key] += 1
        second = done_ns // NS_PER_S
        if not self._seconds or self._seconds[-1][0] < second:
            self._seconds.append((second, Histogram()))
        self._seconds[-1][1].add(wall_ns)

    @property
    def all_failed(self) -> bool:
        """Whether there were requests and none succeeded."""
        return 0 < self.request_count == self.failure_count

    def recent(self, now_ns: int) -> tuple[float, float, float]:
        """Return requests per second, p50 and p95 in seconds over the last whole seconds.

        Each is 0 if nothing finished in them.
        """
        current = now_ns // NS_PER_S
        window = Histogram()
        for second, histogram in self._seconds:
            if current - WINDOW_S <= second < current:
                window.merge(histogram)
        span_s = WINDOW_S
        if self._seconds:
            span_s = min(WINDOW_S, max(1, current - self._seconds[0][0]))
        p50, p95 = window.quantile(0.5) or 0, window.quantile(0.95) or 0
        return window.count / span_s, p50 / NS_PER_S, p95 / NS_PER_S

    def top_failures(self, count: int) -> list[tuple[str, str, int]]:
        """Return the most frequent failures: (name, message, count)."""
        return [(name, text, n) for (name, text), n in self.failures.most_common(count)]
