"""Show how far a run is: one live line on a terminal, plain lines elsewhere."""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from types import FrameType

from flask_assay.errors import InterruptedRunError
from flask_assay.load.control import LoadProgress
from flask_assay.model.clock import Clock, SystemClock

__all__ = ["TerminalProgress"]

_LINE_EVERY_S = 5.0
_LIVE_EVERY_S = 0.2
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130
# timeout(1) signals the command and then its group, which the command is in
_ONE_WISH_S = 0.3


class TerminalProgress:
    """Progress on standard error, and the user's wish to stop.

    The first INT, TERM or HUP asks for a partial report: it raises where it comes or, within
    ``held``, is only noted. The second ends the run at once; the same signal twice within
    an instant is one.

    Args:
        is_quiet: Say nothing.
        clock: Source of time.
    """

    def __init__(self, *, is_quiet: bool = False, clock: Clock | None = None) -> None:
        self._clock = clock or SystemClock()
        self._started = self._clock.monotonic_ns()
        self._is_live = _is_terminal() and not is_quiet
        self._is_quiet = is_quiet
        self._signals = 0
        self._last_signal = (0, 0)
        self._held = 0
        self._end: Callable[[], None] | None = None
        self._last_ns = 0
        for number in _SIGNALS:
            signal.signal(number, self._on_signal)

    @property
    def is_interrupted(self) -> bool:
        """Whether the user asked to stop."""
        return self._signals > 0

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """Only note a wish to stop within the block."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    def ends_with(self, end: Callable[[], None]) -> None:
        """How to end everything at once, for a user who asks twice."""
        self._end = end

    def step(self, text: str) -> None:
        """Print that a step begins.

        Raises:
            InterruptedRunError: If the user asked to stop, outside of ``held``.
        """
        self._raise_if_free()
        self._clear()
        self._say(f"{self._elapsed_s():6.1f} s  {text}")

    def note(self, text: str) -> None:
        """Print what the user should know."""
        self._clear()
        self._say(f"          {text}")

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
            _write("\r\x1b[2K" + text)
        else:
            self._say(text)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        now = self._clock.monotonic_ns()
        last, self._last_signal = self._last_signal, (number, now)
        if number == last[0] and now - last[1] < _ONE_WISH_S * 1e9:
            return
        self._signals += 1
        if self._signals > 1:
            self._end_at_once()
        self._clear()
        if self._held:
            self._say("          stopping: a partial report follows; once more ends at once")
        else:
            self._say("          stopping: once more ends at once")
        self._raise_if_free()

    def _raise_if_free(self) -> None:
        if self._signals and not self._held:
            raise InterruptedRunError("interrupted")

    def _end_at_once(self) -> None:
        for number in _SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        self._clear()
        self._say("          ended at once")
        if self._end is not None:
            with contextlib.suppress(Exception):  # the watchdog does what this could not
                self._end()
        os._exit(_INTERRUPTED)

    def _elapsed_s(self) -> float:
        return (self._clock.monotonic_ns() - self._started) / 1e9

    def _clear(self) -> None:
        if self._is_live:
            _write("\r\x1b[2K")

    def _say(self, text: str) -> None:
        if not self._is_quiet:
            _write(text + "\n")


def _is_terminal() -> bool:
    return sys.stderr is not None and sys.stderr.isatty()


def _write(text: str) -> None:
    """Talk to the user; a run does not end because nobody listens any more."""
    if sys.stderr is not None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)
            sys.stderr.flush()


def _milliseconds(value_s: float | None) -> str:
    return "      – ms" if value_s is None else f"{value_s * 1000:7.1f} ms"
