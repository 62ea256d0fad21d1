"""Generator honesty: how busy and how late the load worker itself is, once a second."""

import time

import gevent

from flask_assay.load.histogram import Histogram
from flask_assay.model.clock import Clock

__all__ = ["GeneratorMeter"]

NS_PER_S = 1_000_000_000
PERIOD_S = 0.01


class GeneratorMeter:
    """Measures lag by a timer that should fire every 10 ms, and the CPU of this process.

    Args:
        clock: Where time comes from.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._late = Histogram()
        self._last_ns = clock.monotonic_ns()
        self._last_cpu_s = time.process_time()
        self.lag_p99_s: float | None = None
        self.cpu_ratio: float | None = None

    def watch_lag(self) -> None:
        """Run for ever in a greenlet of its own."""
        while True:
            before = self._clock.monotonic_ns()
            gevent.sleep(PERIOD_S)
            self.late(self._clock.monotonic_ns() - before - round(PERIOD_S * NS_PER_S))

    def late(self, lag_ns: int) -> None:
        """Count one start that came this much after its time."""
        self._late.add(max(0, lag_ns))

    def sample(self, now_ns: int, *, users: int) -> dict[str, object] | None:
        """Return the figures of the last second once it is over, None until then."""
        elapsed_ns = now_ns - self._last_ns
        if elapsed_ns < NS_PER_S:
            return None
        cpu_s = time.process_time()
        self.cpu_ratio = (cpu_s - self._last_cpu_s) * NS_PER_S / elapsed_ns
        p99 = self._late.quantile(0.99)
        self.lag_p99_s = None if p99 is None else p99 / NS_PER_S
        self._late, self._last_ns, self._last_cpu_s = Histogram(), now_ns, cpu_s
        return {
            "t_ns": now_ns,
            "process": "load-generator",
            "users": users,
            "lag_p99_s": self.lag_p99_s,
            "cpu_ratio": self.cpu_ratio,
        }
