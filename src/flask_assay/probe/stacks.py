"""A sampler of Python stacks, weighted with the CPU time that each thread really used.

A thread that samples gets the interpreter mostly when others wait, and so would blame whoever
waits. Two remedies: the weight of a sample is the CPU time since the last one, and the
interpreter is asked to switch threads often enough to be caught at work.
"""

import sys
import time
from threading import Event, Thread
from types import FrameType

from flask_assay.probe.recorder import Recorder
from flask_assay.probe.switch import Switch

__all__ = ["FRAME_PREFIX", "StackSampler"]

FRAME_PREFIX = "EP:"
SWITCH_INTERVAL_S = 0.0002
MAX_DEPTH = 40
MAX_STACKS = 3_000


class StackSampler:
    """Adds "endpoint;frame;frame" → microseconds of CPU to the recorder.

    Args:
        recorder: Its ``serving`` says which threads serve a request.
        switch: Of the sensor.
    """

    def __init__(self, recorder: Recorder, switch: Switch) -> None:
        self._recorder = recorder
        self._switch = switch
        self._thread: Thread | None = None
        self._stop = Event()
        self._used: dict[int, int] = {}
        self._old_interval_s = 0.0

    def start(self) -> None:
        """Start sampling, in a thread of this process; a second call does nothing."""
        if self._thread is not None and self._thread.is_alive():
            return
        monkey = sys.modules.get("gevent.monkey")
        if monkey is not None and monkey.is_module_patched("threading"):
            raise RuntimeError("greenlets share a thread: their stacks cannot be sampled from it")
        self._stop = Event()
        self._used.clear()
        self._old_interval_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_INTERVAL_S)
        self._thread = Thread(target=self._run, name="flask-assay-stacks", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop sampling and restore the interpreter's switch interval."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._stop.set()
            thread.join(1.0)
            sys.setswitchinterval(self._old_interval_s)

    def _run(self) -> None:
        try:
            while not self._stop.wait(self._recorder.plan.stack_interval_s):
                self.sample()
        except Exception as error:
            self._switch.fail(error)

    def sample(self) -> None:
        """Take one sample of each thread that serves a request."""
        frames = sys._current_frames()
        for ident, work in list(self._recorder.serving.items()):
            frame = frames.get(ident)
            if frame is None or not work.is_open:
                continue
            used = self._cpu_since(ident)
            if used:
                self._add(frame, used)

    def _cpu_since(self, ident: int) -> int:
        # The thread is alive: it cannot end while we hold the interpreter lock, and its request
        # is open. Of a thread that has ended, this call would be undefined.
        used_ns = time.clock_gettime_ns(time.pthread_getcpuclockid(ident))
        before = self._used.get(ident, used_ns)
        self._used[ident] = used_ns
        return (used_ns - before) // 1000

    def _add(self, frame: FrameType, used_us: int) -> None:
        key = stack_text(frame)
        stacks = self._recorder.stacks
        if key not in stacks and len(stacks) >= MAX_STACKS:
            key = key.partition(";")[0] + ";(other)"
        stacks[key] = stacks.get(key, 0) + used_us


def stack_text(frame: FrameType) -> str:
    """Return "endpoint;outer;…;inner" from the view's frame on; "(no view);…" outside of one."""
    names: list[str] = []
    endpoint = "(no view)"
    current: FrameType | None = frame
    while current is not None and len(names) < MAX_DEPTH:
        code = current.f_code
        if code.co_name.startswith(FRAME_PREFIX):
            endpoint = code.co_name.removeprefix(FRAME_PREFIX)
            break
        file = code.co_filename.rpartition("/")[2]
        names.append(f"{file}:{code.co_firstlineno} {code.co_name}".replace(";", ","))
        current = current.f_back
    return ";".join((endpoint, *reversed(names)))
