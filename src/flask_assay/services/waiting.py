"""Wait on a condition with a deadline: the one place that sleeps."""

import time
from collections.abc import Callable
from typing import TypeVar

from flask_assay.errors import ServiceError

__all__ = ["FIRST_PAUSE_S", "WaitTimeoutError", "wait_until"]

T = TypeVar("T")

FIRST_PAUSE_S = 0.001
LONGEST_PAUSE_S = 0.05


class WaitTimeoutError(ServiceError, TimeoutError):
    """A condition did not come true before its deadline."""


def wait_until(
    condition: Callable[[], T],
    *,
    timeout_s: float,
    what: str,
    longest_pause_s: float = LONGEST_PAUSE_S,
    monotonic: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Return the first true value of a condition.

    The condition is asked at once, then in growing pauses from 1 ms on, and a last time at the
    deadline, so a condition that comes true while we sleep is never reported as late.

    Args:
        condition: Asked until its value is true. What it raises passes through.
        timeout_s: Seconds from now; 0 asks once.
        what: Completes "… did not happen": a sentence without a period.
        longest_pause_s: Where the pauses stop growing.
        monotonic: Where the time comes from, in seconds.
        sleep: How to pause, in seconds.

    Raises:
        WaitTimeoutError: If the deadline passes.
    """
    deadline = monotonic() + timeout_s
    pause_s = FIRST_PAUSE_S
    while True:
        is_last = monotonic() >= deadline
        value = condition()
        if value:
            return value
        if is_last:
            raise WaitTimeoutError(f"{what}: did not happen within {timeout_s:g} s")
        sleep(min(pause_s, max(deadline - monotonic(), 0)))
        pause_s = min(pause_s * 2, longest_pause_s)
