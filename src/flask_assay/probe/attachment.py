"""Attach the probe to this process, and detach it."""

import os
import time
from collections.abc import Callable
from functools import partial
from types import ModuleType

from flask_assay.probe.imports import ImportWatch
from flask_assay.probe.patches import Patches
from flask_assay.probe.plan import ProbePlan
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.sensors import SENSORS
from flask_assay.probe.switch import Switch
from flask_assay.probe.wiring import Install, Sensor, Wiring
from flask_assay.probe.work import CURRENT

__all__ = ["Probe", "attach", "attached", "detach"]


class Probe:
    """The probe of this process.

    Attributes:
        plan: What it was attached with.
        recorder: What its sensors write to.
    """

    def __init__(self, plan: ProbePlan, clock: Callable[[], int]) -> None:
        self.plan = plan
        self.recorder = Recorder(plan, clock)
        self._patches = Patches()
        self._watch = ImportWatch()

    def attach(self) -> None:
        """Patch what is imported, and wait for what is not yet."""
        for name in self.plan.sensors:
            self._attach_sensor(SENSORS[name])
        self._watch.start()

    def detach(self) -> None:
        """Put everything back and write what is pending."""
        self._watch.stop()
        self._patches.restore()
        self.recorder.sink.close()
        for switch in self.recorder.switches.values():
            switch.on = False  # a hook that someone else holds on to only passes calls on

    def flush(self) -> None:
        """Write what is pending now."""
        self.recorder.sink.flush()

    def counters(self) -> dict[str, object]:
        """Return the process's totals so far, as the COUNTERS frame holds them."""
        return self.recorder.counters()

    def _attach_sensor(self, sensor: Sensor) -> None:
        switch = self.recorder.switches[sensor.name] = Switch()
        wiring = Wiring(self.recorder, self._patches, switch)
        for module, install in sensor.hooks.items():
            self._watch.watch(module, partial(_install, install, wiring))


def _install(install: Install, wiring: Wiring, module: ModuleType) -> None:
    try:
        install(wiring, module)
    except Exception as error:  # an unknown version of the library: go without this sensor
        wiring.switch.fail(error)


_probe: Probe | None = None
_forks_are_watched = False


def attach(plan: ProbePlan, *, clock: Callable[[], int] = time.monotonic_ns) -> Probe:
    """Attach the probe to this process, before or after the app is imported.

    Classes of Flask, SQLAlchemy, Redis and others are patched as soon as they are imported.
    No file is opened and no thread started before the process serves its first request.
    Attached already, the probe of the first call stays and is returned.

    Args:
        plan: What to record and where to.
        clock: Monotonic nanoseconds, the same clock in all processes of a run.
    """
    global _probe, _forks_are_watched  # noqa: PLW0603 - a process has one probe, as it has one Flask class
    if _probe is not None:
        return _probe
    if not _forks_are_watched:
        os.register_at_fork(
            after_in_child=_after_fork
        )  # cannot be taken back; does nothing detached
        _forks_are_watched = True
    probe = Probe(plan, clock)
    probe.attach()
    _probe = probe
    return probe


def detach() -> None:
    """Detach the probe and restore every class as it was; without a probe, do nothing."""
    global _probe
    probe, _probe = _probe, None
    if probe is not None:
        probe.detach()
        CURRENT.set(None)  # a request whose end failed must not count for the next probe


def attached() -> Probe | None:
    """Return the probe of this process, if there is one."""
    return _probe


def _after_fork() -> None:
    if _probe is not None:
        CURRENT.set(None)
        _probe.recorder.reset()
