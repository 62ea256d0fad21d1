"""Lets a waiting user be stopped without being killed.

Locust kills a user that it finds waiting. The kill arrives a moment later, when the pause
may be over and a request under way: the server has seen it and the user is gone. Here a
stopped user is woken instead, and ends between two tasks like every other.
"""

from typing import Any

from gevent.event import Event
from locust.exception import StopUser
from locust.user.task import LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING, TaskSet
from locust.user.users import User

__all__ = ["pause", "wake_to_stop"]


def wake_to_stop() -> None:
    """Replace how users pause and how they are stopped."""
    stop = User.stop

    def sleep(taskset: Any, seconds: float) -> None:
        pause(taskset.user, seconds)

    def stop_user(user: Any, force: bool = False) -> Any:  # noqa: FBT001, FBT002 - Locust's own signature
        if force or user._state != LOCUST_STATE_WAITING:
            return stop(user, force)
        user._state = LOCUST_STATE_STOPPING
        _wake_up(user).set()
        return False

    TaskSet._sleep, User.stop = sleep, stop_user


def pause(user: Any, seconds: float | None) -> None:
    """Wait, for ever if no time is given, or until the user is stopped.

    Raises:
        StopUser: If it was stopped.
    """
    _wake_up(user).wait(seconds)
    if user._state == LOCUST_STATE_STOPPING:
        raise StopUser


def _wake_up(user: Any) -> Event:
    event = getattr(user, "_assay_wake_up", None)
    if event is None:
        event = user._assay_wake_up = Event()
    return event
