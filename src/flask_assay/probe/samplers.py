"""A sampler of CPU stacks, in process and without special rights.

Where the main thread serves (sync and gevent workers), the kernel's CPU timer interrupts it: an
exact sample. Handlers of signals run in the main thread only; a thread that looked at others would
get the interpreter mostly when they wait, and blame who waits. So a run samples in a pass of its
own, served by the main thread.
"""

import signal
import sys
import time
from _thread import get_ident
from threading import main_thread
from types import FrameType

from flask_assay.probe.recorder import Recorder
from flask_assay.probe.stacks import Stacks
from flask_assay.probe.switch import Switch
from flask_assay.probe.work import CURRENT

__all__ = ["NUMBER", "Sampling", "SignalSampler"]

NUMBER = "HTTP_X_ASSAY_REQUEST"  # of requests that count; what warms the app up carries none


class Sampling:
    """The sampler of this process, and what it caught.

    Args:
        recorder: What it belongs to.
        switch: Of the sensor.
    """

    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self._recorder = recorder
        self._switch = switch
        self._sampler: SignalSampler | None = None
        self._last: SignalSampler | None = None
        self._reason = ""
        self.stacks = Stacks(recorder.sites)
        recorder.stacks = self

    def start(self) -> None:
        """Start in the thread that serves a request; a second call does nothing."""
        if self._sampler is not None or self._reason:
            return
        try:
            self._sampler = self._choose()
            self._sampler.start()
            self._last = self._sampler
        except (RuntimeError, ValueError, OSError) as error:
            self._sampler, self._reason = None, str(error)

    def _choose(self) -> "SignalSampler":
        if not _is_main_thread():
            raise RuntimeError("requests are served outside of the main thread")
        if not _timer_is_free():
            raise RuntimeError("the app has a profiling timer of its own")
        return SignalSampler(self._recorder, self.stacks, self._switch)

    def stop(self) -> None:
        """Stop sampling; what was caught can still be taken."""
        sampler, self._sampler = self._sampler, None
        if sampler is not None:
            sampler.stop()

    def reset(self) -> None:
        """Begin anew in a forked process, which has neither the timer nor the thread."""
        self.stop()
        self._last, self._reason = None, ""
        self.stacks.reset()

    def take(self) -> dict[str, int]:
        """Return the stacks since the last call."""
        return self.stacks.take()

    def facts(self) -> dict[str, object]:
        """Return which sampler runs and its totals, as the COUNTERS frame holds them."""
        sampler = self._last
        found: dict[str, object] = {
            "sampler": sampler.name if sampler is not None else "none",
            "interval_s": sampler.interval_s if sampler is not None else 0.0,
            "self_s": sampler.self_s if sampler is not None else 0.0,
            **self.stacks.facts(),
        }
        return found | ({"reason": self._reason} if self._reason else {})


class SignalSampler:
    """Samples the main thread by the CPU timer of the process (``ITIMER_PROF``)."""

    name = "cpu-timer"

    def __init__(self, recorder: Recorder, stacks: Stacks, switch: Switch) -> None:
        self.interval_s = max(0.001, recorder.plan.stack_interval_s)
        self.self_s = 0.0
        self._interval_ns = int(self.interval_s * 1e9)
        self._stacks = stacks
        self._switch = switch
        self._is_numbered = recorder.plan.stacks_of_numbered
        self._used_ns = 0
        self._is_busy = False

    def start(self) -> None:
        """Install handler and timer.

        Raises:
            ValueError: If this is not the main thread.
        """
        self._used_ns = time.thread_time_ns()
        signal.signal(signal.SIGPROF, self._on_signal)
        signal.siginterrupt(signal.SIGPROF, False)  # noqa: FBT003 - C libraries see no EINTR
        signal.setitimer(signal.ITIMER_PROF, self.interval_s, self.interval_s)

    def stop(self) -> None:
        """Stop the timer. A signal may still be pending, so it is ignored, not left to kill."""
        signal.setitimer(signal.ITIMER_PROF, 0)
        try:
            if signal.getsignal(signal.SIGPROF) == self._on_signal:
                signal.signal(signal.SIGPROF, signal.SIG_IGN)
        except ValueError:  # detached in another thread: the handler finds the timer stopped
            pass

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if not self._switch.on or self._is_busy:
            return
        self._is_busy = True  # another signal may come meanwhile
        try:
            # Signals that came during one long call arrive as one; whole intervals are counted.
            begin_ns = time.thread_time_ns()
            count = (begin_ns - self._used_ns) // self._interval_ns
            if count <= 0:  # other threads used the CPU
                return
            self._used_ns += count * self._interval_ns
            work = CURRENT.get()
            if work is None or not work.is_open or not work.environ:
                self._stacks.outside += 1
            elif self._is_numbered and NUMBER not in work.environ:
                return
            else:
                self._stacks.add(frame, work, count * self._interval_ns // 1000)
            self.self_s += (time.thread_time_ns() - begin_ns) / 1e9
        except Exception as error:
            self._switch.fail(error)
        finally:
            self._is_busy = False


def _is_main_thread() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    is_patched = monkey is not None and monkey.is_module_patched("threading")
    return get_ident() == main_thread().ident or bool(is_patched)


def _timer_is_free() -> bool:
    return signal.getsignal(signal.SIGPROF) in {signal.SIG_DFL, signal.SIG_IGN} and (
        signal.getitimer(signal.ITIMER_PROF)[0] == 0
    )
