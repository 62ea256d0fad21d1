"""Two samplers of CPU stacks, in process and without special rights.

Where the main thread serves (sync and gevent workers), the kernel's CPU timer interrupts it: an
exact sample. Handlers of signals run in the main thread only, so where other threads serve a
thread looks at them; it counts only what used CPU within a short window around the look, since
a thread that looks gets the interpreter mostly when others wait, and would blame who waits.
"""

import random
import signal
import sys
import time
from _thread import get_ident
from threading import Event, Thread, main_thread
from types import FrameType
from typing import Protocol

from flask_assay.probe.recorder import Recorder
from flask_assay.probe.stacks import Stacks
from flask_assay.probe.switch import Switch
from flask_assay.probe.work import CURRENT

__all__ = ["Sampling", "SignalSampler", "ThreadSampler"]

SWITCH_INTERVAL_S = 0.001  # at Python's 5 ms a look waits until somebody waits, and so misses work
LOOK_SWITCH_INTERVAL_S = 0.0002  # during a look
LOOKS_RARER = 5  # than the samples of the timer: a look costs as much as ten of them
AHEAD_S = 0.0005  # a look begins one to four times this before it is due
WINDOW_S = 0.0001
LATE_S = 0.001  # later than this: the interpreter was kept by one long call
RAN_RATIO = 0.8
LEAST_RATIO = 0.3  # of the window; who waits for the interpreter uses a little as well
MOST_PERIOD_S = 0.1  # since the last look; longer, the process did nothing


class _Sampler(Protocol):
    name: str
    interval_s: float
    self_s: float

    def start(self) -> None: ...

    def stop(self) -> None: ...


class Sampling:
    """The sampler that suits this process, and what it caught.

    Args:
        recorder: Its ``serving`` says which threads serve a request.
        switch: Of the sensor.
    """

    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self._recorder = recorder
        self._switch = switch
        self._sampler: _Sampler | None = None
        self._last: _Sampler | None = None
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

    def _choose(self) -> _Sampler:
        arguments = self._recorder, self.stacks, self._switch
        if _is_main_thread():
            if _timer_is_free():
                return SignalSampler(*arguments)
            self._reason = "the app has a profiling timer of its own"
        if _is_monkey_patched():
            raise RuntimeError("greenlets share a thread: their stacks cannot be told from outside")
        return ThreadSampler(*arguments)

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
            else:
                self._stacks.add(frame, work, count * self._interval_ns // 1000)
            self.self_s += (time.thread_time_ns() - begin_ns) / 1e9
        except Exception as error:
            self._switch.fail(error)
        finally:
            self._is_busy = False


class ThreadSampler:
    """Looks at the threads that serve, and weighs each look by the CPU used around it."""

    name = "thread"

    def __init__(self, recorder: Recorder, stacks: Stacks, switch: Switch) -> None:
        self.interval_s = LOOKS_RARER * recorder.plan.stack_interval_s
        self.self_s = 0.0
        self._serving = recorder.serving
        self._stacks = stacks
        self._switch = switch
        self._stop = Event()
        self._thread: Thread | None = None
        self._known: set[int] = set()
        self._last_s = 0.0
        self._random = random.Random(1)
        self._old_interval_s = 0.0

    def start(self) -> None:
        """Start the thread."""
        self._old_interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread = Thread(target=self._run, name="flask-assay-stacks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling and restore the interpreter's switch interval."""
        self._stop.set()
        if self._thread is not None and self._thread.ident is not None:
            self._thread.join(1.0)
        sys.setswitchinterval(self._old_interval_s)

    def _run(self) -> None:
        try:
            while self._switch.on and self._look():
                self.self_s = time.thread_time()
        except Exception as error:
            self._switch.fail(error)

    def _look(self) -> bool:
        """Wait, take a look, and return whether to go on."""
        # A time of its own for each look: what waits for I/O gives the interpreter away, and so
        # would decide when we look.
        ahead_s = AHEAD_S * self._random.uniform(1, 4)
        if self._stop.wait(max(0.0, self.interval_s - ahead_s)):
            return False
        if not self._serving:
            self._last_s = time.monotonic()
            return True
        sys.setswitchinterval(LOOK_SWITCH_INTERVAL_S)
        try:
            return self._look_closely(ahead_s)
        finally:
            sys.setswitchinterval(SWITCH_INTERVAL_S)

    def _look_closely(self, ahead_s: float) -> bool:
        before, due = self._cpu(), time.monotonic() + ahead_s
        if self._stop.wait(ahead_s):
            return False
        now, begin = self._cpu(), time.monotonic()
        period_s, self._last_s = min(MOST_PERIOD_S, begin - self._last_s), begin
        if begin - due > LATE_S and self._add_late(before, now, begin - due, period_s):
            return True
        if self._stop.wait(WINDOW_S):
            return False
        window_s = time.monotonic() - begin
        for ident, used in _since(now, self._cpu()):
            ratio = used / 1e9 / window_s
            if ratio >= LEAST_RATIO:
                self._add(ident, period_s * min(1.0, ratio))
        return True

    def _add_late(
        self, before: dict[int, int], now: dict[int, int], late_s: float, period_s: float
    ) -> bool:
        """Count the one thread that ran all the time for which the interpreter was not to be had.

        Returns:
            False if there is none: several took turns, and a look tells who runs now.
        """
        ran = [ident for ident, used in _since(before, now) if used / 1e9 >= RAN_RATIO * late_s]
        if len(ran) != 1:
            return False
        self._add(ran[0], period_s)
        return True

    def _cpu(self) -> dict[int, int]:
        """Return the CPU time of each thread that serves or has served."""
        self._known.update(self._serving)
        # A thread that has a frame is alive: it cannot end while we hold the interpreter lock.
        # Of a thread that has ended, these calls would be undefined.
        self._known.intersection_update(sys._current_frames())
        clock, clock_of = time.clock_gettime_ns, time.pthread_getcpuclockid
        return {ident: clock(clock_of(ident)) for ident in self._known}

    def _add(self, ident: int, weight_s: float) -> None:
        work = self._serving.get(ident)
        if work is not None and work.is_open:
            self._stacks.add(sys._current_frames().get(ident), work, int(weight_s * 1e6))


def _since(before: dict[int, int], now: dict[int, int]) -> list[tuple[int, int]]:
    return [(i, now[i] - before[i]) for i in now if i in before and now[i] > before[i]]


def _is_main_thread() -> bool:
    return get_ident() == main_thread().ident or _is_monkey_patched()


def _is_monkey_patched() -> bool:
    monkey = sys.modules.get("gevent.monkey")
    return monkey is not None and bool(monkey.is_module_patched("threading"))


def _timer_is_free() -> bool:
    return signal.getsignal(signal.SIGPROF) in {signal.SIG_DFL, signal.SIG_IGN} and (
        signal.getitimer(signal.ITIMER_PROF)[0] == 0
    )
