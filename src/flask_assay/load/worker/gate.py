"""The open model inside Locust: tasks start when arrivals are due, not when users are ready."""

from collections.abc import Callable
from typing import Any

from locust.exception import StopUser
from locust.user.task import (
    LOCUST_STATE_RUNNING,
    LOCUST_STATE_STOPPING,
    LOCUST_STATE_WAITING,
    TaskSet,
)

from flask_assay.load.schedule import ArrivalQueue
from flask_assay.load.worker.patience import pause
from flask_assay.model.clock import Clock

__all__ = ["ArrivalGate"]

NS_PER_S = 1_000_000_000


class ArrivalGate:
    """Lets one task begin per arrival; takes the place of the users' think time.

    Args:
        queue: Gives the due times; there are none before the users start.
        clock: The clock that they are from.
        late: Takes how late, in nanoseconds, the generator itself started a task.
    """

    def __init__(
        self, queue: Callable[[], ArrivalQueue], *, clock: Clock, late: Callable[[int], None]
    ) -> None:
        self._queue = queue
        self._clock = clock
        self._late = late

    def install(self) -> None:
        """Put the gate before every task of every user."""
        execute = TaskSet.execute_next_task

        def execute_next_task(taskset: Any) -> Any:
            upcoming = taskset._task_queue[0]
            if not (isinstance(upcoming, type) and issubclass(upcoming, TaskSet)):
                self._admit(taskset.user)
            return execute(taskset)

        def wait(taskset: Any) -> None:
            if taskset.user._state == LOCUST_STATE_STOPPING:
                raise StopUser

        TaskSet.execute_next_task, TaskSet.wait = execute_next_task, wait

    def _admit(self, user: Any) -> None:
        queue = self._queue()
        due = queue.take()
        user._state = LOCUST_STATE_WAITING
        free = self._clock.monotonic_ns()
        if due is None:
            pause(user, None)  # until the end of the run
            raise StopUser
        try:
            if due > free:
                pause(user, (due - free) / NS_PER_S)
        except BaseException:
            queue.give_back(due)
            raise
        self._late(self._clock.monotonic_ns() - max(due, free))
        user._state = LOCUST_STATE_RUNNING
        user._assay_due_ns = due
