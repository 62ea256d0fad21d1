"""Containers: how many entries the globals of the user's modules have, as time goes by.

Once in two seconds a thread asks for lengths; requests themselves are not touched. In a learning
pass, where one request runs at a time, the growth of each request is known as well.
"""

import atexit
import os
from threading import Event, Thread
from types import ModuleType
from typing import Any

from flask_assay.probe.containers import Containers
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.wiring import Sensor, Wiring
from flask_assay.probe.work import CURRENT
from flask_assay.recording.directory import append_line, write_document

__all__ = ["GROWTH", "SENSOR"]

INTERVAL_S = 2.0
LOOK_EVERY = 5  # intervals between two searches for new containers


class _Watch:
    """The thread, and what it wrote last."""

    def __init__(self, wiring: Wiring) -> None:
        self._recorder: Recorder = wiring.recorder
        self._switch = wiring.switch
        self._containers = Containers(self._recorder.sites)
        self._told: dict[str, int] = {}
        self._stop = Event()
        self._thread: Thread | None = None
        self._pid = 0

    def see(self, _app: Any) -> None:
        """Start in the process that serves; again after a fork."""
        if self._pid != os.getpid() and self._switch.on:
            self._pid = os.getpid()
            self._stop = Event()
            self._told = {}
            self._thread = Thread(target=self._run, name="flask-assay-containers", daemon=True)
            self._thread.start()
            atexit.unregister(self._last)
            atexit.register(self._last)

    def stop(self) -> None:
        """End the thread, with a last look."""
        atexit.unregister(self._last)
        if self._pid == os.getpid() and self._switch.on:
            self._last()
        self._stop.set()
        self._pid = 0

    def _last(self) -> None:
        # The thread may be in the middle of its first search: what it found so far is not all.
        self._stop.set()
        if self._thread is not None and self._pid == os.getpid():
            self._thread.join(timeout=INTERVAL_S)
        self._look()
        self._write()

    def _run(self) -> None:
        stop, turn = self._stop, 0
        while not stop.is_set() and self._switch.on:
            if not turn % LOOK_EVERY:
                self._look()
            turn += 1
            self._write()
            stop.wait(INTERVAL_S)

    def _look(self) -> None:
        try:
            self._containers.look()
        except Exception as error:
            self._switch.fail(error)

    def _write(self) -> None:
        try:
            sizes = self._containers.sizes()
            changed = {name: n for name, n in sizes.items() if self._told.get(name) != n}
            if changed:
                self._told.update(changed)
                line = {"t_ns": self._recorder.clock(), "sizes": changed}
                name = f"containers-{os.getpid()}.jsonl"
                append_line(self._recorder.plan.recording_dir, name, line)
        except Exception as error:
            self._switch.fail(error)


def _install(wiring: Wiring, _module: ModuleType) -> None:
    watch = _Watch(wiring)
    wiring.recorder.app_hooks.append(watch.see)
    wiring.patches.on_restore(watch.stop)


class _Growth:
    """Which route makes which container grow."""

    def __init__(self, wiring: Wiring) -> None:
        self._recorder: Recorder = wiring.recorder
        self._containers = Containers(self._recorder.sites)
        self._grown: dict[tuple[str, str], int] = {}
        atexit.register(self.write)
        wiring.patches.on_restore(self.write)
        wiring.patches.on_restore(lambda: atexit.unregister(self.write))

    def before(self, *_args: Any, **_kwargs: Any) -> dict[str, int]:
        """Look before a view is called."""
        self._containers.look()
        return self._containers.sizes()

    def after(self, sizes: dict[str, int], _result: Any, _raised: BaseException | None) -> None:
        """Look after it, and count what came on top."""
        environ = getattr(CURRENT.get(), "environ", None) or {}
        rule = getattr(environ.get("werkzeug.request"), "url_rule", None)
        if rule is None:
            return
        route = f"{environ.get('REQUEST_METHOD', '')} {rule.rule}"
        for name, size in self._containers.sizes().items():
            if size > sizes.get(name, 0):
                key = (name, route)
                self._grown[key] = self._grown.get(key, 0) + size - sizes.get(name, 0)

    def write(self) -> None:
        """Write what grew."""
        if self._grown:
            found = [
                {"name": name, "route": route, "count": count}
                for (name, route), count in self._grown.items()
            ]
            directory = self._recorder.plan.recording_dir
            write_document(directory, f"grown-{os.getpid()}", {"grown": found})


def _install_growth(wiring: Wiring, module: ModuleType) -> None:
    growth = _Growth(wiring)
    wiring.around(module.Flask, "full_dispatch_request", growth.before, growth.after)


SENSOR = Sensor("containers", {"flask.app": _install})
GROWTH = Sensor("container-growth", {"flask.app": _install_growth})
