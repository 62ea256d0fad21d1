"""Leads the users through the phases of a run, and says how it is getting on."""

import signal
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import gevent
from locust.env import Environment

from flask_assay.errors import LoadError
from flask_assay.load.plan import LoadPlan
from flask_assay.load.status import FailureGroup, LoadProgress, write_status
from flask_assay.load.worker.desk import Desk
from flask_assay.load.worker.meter import GeneratorMeter
from flask_assay.load.worker.users import Cast
from flask_assay.model.clock import Clock
from flask_assay.model.rows import Phase
from flask_assay.recording.directory import EVENTS, SAMPLES, append_line

__all__ = ["Conductor"]

TICK_S = 0.05
STATUS_EVERY_NS = 400_000_000
NS_PER_S = 1_000_000_000
LABELS = {
    Phase.SETUP: "setup",
    Phase.WARM_UP: "warm-up",
    Phase.STEADY: "steady",
    Phase.DRAIN: "drain",
}


class Conductor:
    """Runs one plan.

    Args:
        plan: What to do.
        cast: Who does it.
        environment: Locust's environment with a local runner.
        desk: Where every finished request goes.
        clock: Where time comes from.
    """

    def __init__(
        self, plan: LoadPlan, cast: Cast, environment: Environment, *, desk: Desk, clock: Clock
    ) -> None:
        self._plan = plan
        self._cast = cast
        self._runner: Any = environment.runner
        self._desk = desk
        self._clock = clock
        self.meter = GeneratorMeter(clock)
        self._began_ns = clock.monotonic_ns()
        self._steady_end_ns = self._began_ns + round((plan.warm_up_s + plan.steady_s) * NS_PER_S)
        self._warm_up_end_ns = self._began_ns
        self._status_ns = 0
        self._stops = 0
        self._users = 0
        self.notes: list[str] = list(cast.notes)
        self.task_errors: Counter[tuple[str, str]] = Counter()
        environment.events.user_error.add_listener(self._on_user_error)

    def catch_signals(self) -> None:
        """Drain at the first SIGTERM or SIGINT, break off at the second."""
        for number in (signal.SIGTERM, signal.SIGINT):
            gevent.signal_handler(number, self._stop)

    def run(self) -> None:
        """Warm up, hold the steady state, drain; early if asked to stop.

        Raises:
            LoadError: If every virtual user died, so that nothing more can be measured.
        """
        lag = gevent.spawn(self.meter.watch_lag)
        try:
            self._start_users()
            self._hold_until(lambda: self._warm_up_end_ns)
            self._reach_every_journey()
            if not self._stops:
                self._enter(Phase.STEADY)
                self.notes += self._cast.deck.set_aside() if self._cast.deck else []
                self._hold_until(lambda: self._steady_end_ns)
        finally:
            self._drain()
            lag.kill()

    def finish(self, progress: LoadProgress | None = None) -> None:
        """Say that the run is over."""
        last = progress or self._progress(self._clock.monotonic_ns())
        append_line(
            self._plan.recording_dir,
            EVENTS,
            {"t_ns": self._clock.monotonic_ns(), "event": "phase", "phase": "end", "users": 0},
        )
        write_status(self._plan.status_path, replace(last, phase="end", left_s=0.0, users=0))

    def incident(self, kind: str, text: str) -> None:
        """Put what a reader must know into the recording."""
        self.notes.append(text)
        line = {
            "t_ns": self._clock.monotonic_ns(),
            "event": "incident",
            "kind": kind,
            "text": text,
        }
        append_line(self._plan.recording_dir, EVENTS, line)

    def _start_users(self) -> None:
        self._enter(Phase.SETUP)
        self._enter(Phase.WARM_UP)
        now = self._clock.monotonic_ns()
        self._steady_end_ns = now + round((self._plan.warm_up_s + self._plan.steady_s) * NS_PER_S)
        self._warm_up_end_ns = now + round(self._plan.warm_up_s * NS_PER_S)
        self._desk.steady_start_ns = self._warm_up_end_ns
        self._desk.begin_arrivals(now, self._steady_end_ns)
        if self._cast.shape is not None:
            self._runner.start_shape()
        else:
            self._runner.start(self._plan.users, spawn_rate=self._plan.users)

    def _reach_every_journey(self) -> None:
        """Let the warm-up last until every journey was drawn, as far as the plan allows."""
        deck = self._cast.deck
        limit = self._warm_up_end_ns + round(self._plan.reach_s * NS_PER_S)
        self._hold_until(lambda: limit if deck is not None and deck.has_rare else 0)
        later_ns = max(0, self._clock.monotonic_ns() - self._warm_up_end_ns)
        if self._plan.reach_s:
            self._warm_up_end_ns += later_ns
            self._steady_end_ns += later_ns
            self._desk.steady_start_ns = self._warm_up_end_ns

    def _hold_until(self, end_ns: Any) -> None:
        while not self._stops and self._clock.monotonic_ns() < end_ns():
            gevent.sleep(TICK_S)
            self._tick()
            self._check_users()

    def _check_users(self) -> None:
        self._users = self._runner.user_count
        state = self._runner.state
        if state == "stopped":
            self._stops += 1
            self.incident("stopped-early", "the locustfile ended the run before its time")
        elif state == "running" and self._users == 0 and self._cast.shape is None:
            raise LoadError(
                f"all {self._plan.users} virtual users ended: {self._first_task_error()}",
                why="A user ends when its `on_start` raises, or when it raises StopUser.",
                todo="Mend the locustfile; `locust -f` with one user shows the same.",
            )

    def _note_lost_users(self) -> None:
        if self._cast.shape is None and self._runner.state == "running":
            lost = self._plan.users - self._runner.user_count
            if 0 < lost < self._plan.users:
                text = f"{lost} of {self._plan.users} virtual users ended before their time"
                self.incident("users-lost", f"{text}: {self._first_task_error()}")

    def _first_task_error(self) -> str:
        if not self.task_errors:
            return "they stopped by themselves"
        (place, message), _ = self.task_errors.most_common(1)[0]
        return f"{message} ({place})"

    def _drain(self) -> None:
        self._note_lost_users()
        self._enter(Phase.DRAIN)
        unstarted = self._desk.end_arrivals()
        stopping = gevent.spawn(self._runner.stop)
        while not stopping.ready():
            gevent.sleep(TICK_S)
            self._tick()
            if self._stops > 1:
                self._runner.user_greenlets.kill(block=False)
                stopping.join(timeout=1)
                break
        self._desk.finish(unstarted)

    def _enter(self, phase: Phase) -> None:
        self._desk.book.phase = phase
        self._users = self._runner.user_count
        append_line(
            self._plan.recording_dir,
            EVENTS,
            {
                "t_ns": self._clock.monotonic_ns(),
                "event": "phase",
                "phase": LABELS[phase],
                "users": self._users or self._plan.users,
            },
        )
        self._status_ns = 0
        self._tick()

    def _tick(self) -> None:
        now = self._clock.monotonic_ns()
        self._desk.flush()
        sample = self.meter.sample(now, users=self._runner.user_count)
        if sample:
            append_line(self._plan.recording_dir, SAMPLES, sample)
        if now >= self._status_ns + STATUS_EVERY_NS:
            self._status_ns = now
            write_status(self._plan.status_path, self._progress(now))

    def _progress(self, now: int) -> LoadProgress:
        live = self._desk.live
        rate, p50, p95 = live.recent(now)
        enough = live.request_count >= self._plan.early_failure_count
        return LoadProgress(
            phase=LABELS[self._desk.book.phase],
            elapsed_s=(now - self._began_ns) / NS_PER_S,
            left_s=max(0.0, (self._steady_end_ns - now) / NS_PER_S),
            users=self._runner.user_count,
            requests=live.request_count,
            failures=live.failure_count,
            requests_per_s=rate,
            p50_s=p50,
            p95_s=p95,
            all_failing=live.all_failed and enough,
            top_failures=_groups(live.top_failures(5)),
            task_errors=_groups(
                [(place, text, n) for (place, text), n in self.task_errors.most_common(5)]
            ),
            lag_p99_s=self.meter.lag_p99_s,
            cpu_ratio=self.meter.cpu_ratio,
            notes=tuple(self.notes),
        )

    def _on_user_error(self, exception: BaseException, tb: Any, **_: Any) -> None:
        key = (_place(tb), f"{type(exception).__name__}: {exception}"[:200])
        if key in self.task_errors or len(self.task_errors) < 200:
            self.task_errors[key] += 1

    def _stop(self) -> None:
        self._stops += 1


def _groups(rows: Sequence[tuple[str, str, int]]) -> tuple[FailureGroup, ...]:
    return tuple(FailureGroup(name, message, count) for name, message, count in rows)


def _place(trace: Any) -> str:
    """Return file:line of the user's own code where an exception came from."""
    place = ""
    while trace is not None:
        name = trace.tb_frame.f_code.co_filename
        if "site-packages" not in name and "flask_assay" not in name:
            place = f"{name.rpartition('/')[2]}:{trace.tb_lineno}"
        trace = trace.tb_next
    return place
