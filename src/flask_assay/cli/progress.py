"""Show how far a run is: one live line on a terminal, plain lines elsewhere."""

import signal
import sys
from types import FrameType

from flask_assay.load.control import LoadProgress
from flask_assay.model.clock import Clock, SystemClock

__all__ = ["TerminalProgress"]

_LINE_EVERY_S = 5.0
_LIVE_EVERY_S = 0.2


class TerminalProgress:
    """Progress on standard error, and the user's wish to stop.

    The first INT, TERM or HUP asks for a partial report; the second ends the run.

    Args:
        is_quiet: Say nothing.
        clock: Source of time.
    """

    def __init__(self, *, is_quiet: bool = False, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic_ns()
        self._is_live = sys.stderr.isatty() and not is_quiet
        self._is_quiet = is_quiet
        self._signals = 0
        self._last_ns = 0
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)

    @property
    def is_interrupted(self) -> bool:
        """Whether the user asked to stop."""
        return self._signals > 0

    def step(self, text: str) -> None:
        """Print that a step begins."""
        self._clear()
        self._say(f"{self._elapsed_s():6.1f} s  {text}")

    def load(self, progress: LoadProgress) -> None:
        """Show the load's figures: live on a terminal, now and then elsewhere."""
        now = self._clock.monotonic_ns()
        every_s = _LIVE_EVERY_S if self._is_live else _LINE_EVERY_S
        if self._is_quiet or now - self._last_ns < every_s * 1e9:
            return
        self._last_ns = now
        text = (
            f"{self._elapsed_s():6.1f} s  {progress.phase:<8} "
            f"{progress.requests_per_s:7.1f} req/s  "
            f"p50 {_milliseconds(progress.p50_s)}  p95 {_milliseconds(progress.p95_s)}  "
            f"{progress.failures} failed  {progress.left_s:4.0f} s left"
        )
        if self._is_live:
            sys.stderr.write("\r\x1b[2K" + text)
            sys.stderr.flush()
        else:
            self._say(text)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._signals += 1
        if self._signals > 1:
            raise KeyboardInterrupt
        self._clear()
        self._say("        stopping: a partial report follows; once more ends at once")

    def _elapsed_s(self) -> float:
        return (self._clock.monotonic_ns() - self._started) / 1e9

    def _clear(self) -> None:
        if self._is_live:
            sys.stderr.write("\r\x1b[2K")

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            sys.stderr.write(text + "\n")
            sys.stderr.flush()


def _milliseconds(value_s: float | None) -> str:
    return "      – ms" if value_s is None else f"{value_s * 1000:7.1f} ms"
