"""Time as an argument, so that tests drive it."""

import time
from typing import Protocol

__all__ = ["Clock", "SystemClock"]


class Clock(Protocol):
    """Where a component takes its time from."""

    def monotonic_ns(self) -> int:
        """Return nanoseconds of a clock that never steps back, shared by all processes."""
        ...

    def unix_ns(self) -> int:
        """Return nanoseconds since the epoch, UTC."""
        ...


class SystemClock:
    """The machine's own clocks.

    ``CLOCK_MONOTONIC`` is one clock for every process of a boot, so client and server
    stamps can be subtracted.
    """

    def monotonic_ns(self) -> int:
        """Return the machine's monotonic clock in nanoseconds."""
        return time.monotonic_ns()

    def unix_ns(self) -> int:
        """Return the machine's wall clock in nanoseconds."""
        return time.time_ns()
