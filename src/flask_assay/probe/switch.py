"""A switch per sensor: the first internal error turns it off, and the app never notices."""

from collections.abc import Callable
from functools import wraps
from typing import Any

__all__ = ["Switch", "around", "around_async"]


class Switch:
    """Whether a sensor is on, and what went wrong inside it.

    Attributes:
        on: Hooks of a sensor that is off call the original and nothing else.
        errors: Number of internal errors; several threads may fail at once.
        last_error: "Type: message" of the last one.
    """

    __slots__ = ("errors", "last_error", "on")

    def __init__(self) -> None:
        self.on = True
        self.errors = 0
        self.last_error = ""

    def fail(self, error: BaseException) -> None:
        """Turn the sensor off because of an error inside of it."""
        self.on = False
        self.errors += 1
        try:
            self.last_error = f"{type(error).__name__}: {error}"[:300]
        except Exception:  # an error whose text raises
            self.last_error = type(error).__name__

    def as_dict(self) -> dict[str, object]:
        """Return it as the COUNTERS frame shows it."""
        found: dict[str, object] = {"on": self.on, "errors": self.errors}
        if self.last_error:
            found["last_error"] = self.last_error
        return found


def around(
    switch: Switch,
    original: Callable[..., Any],
    before: Callable[..., Any],
    after: Callable[..., None],
) -> Callable[..., Any]:
    """Return the original with something before and after it, neither of which can harm it.

    Args:
        switch: Of the sensor; turned off by the first error in ``before`` or ``after``.
        original: What is called, with the arguments as they came.
        before: Called with the same arguments; what it returns goes to ``after``.
            None means: nothing to measure this time.
        after: Called with that, the result, and the exception that the original raised or None.
    """

    @wraps(original)
    def hook(*args: Any, **kwargs: Any) -> Any:
        if not switch.on:
            return original(*args, **kwargs)
        token = None
        try:
            token = before(*args, **kwargs)
        except Exception as error:
            switch.fail(error)
        if token is None:
            return original(*args, **kwargs)
        try:
            result = original(*args, **kwargs)
        except BaseException as raised:
            _finish(switch, after, token, None, raised)
            raise
        _finish(switch, after, token, result, None)
        return result

    return hook


def around_async(
    switch: Switch,
    original: Callable[..., Any],
    before: Callable[..., Any],
    after: Callable[..., None],
) -> Callable[..., Any]:
    """Return the original, a coroutine function, with something before and after it."""

    @wraps(original)
    async def hook(*args: Any, **kwargs: Any) -> Any:
        token = None
        if switch.on:
            try:
                token = before(*args, **kwargs)
            except Exception as error:
                switch.fail(error)
        if token is None:
            return await original(*args, **kwargs)
        try:
            result = await original(*args, **kwargs)
        except BaseException as raised:
            _finish(switch, after, token, None, raised)
            raise
        _finish(switch, after, token, result, None)
        return result

    return hook


def _finish(
    switch: Switch,
    after: Callable[..., None],
    token: Any,
    result: Any,
    raised: BaseException | None,
) -> None:
    try:
        after(token, result, raised)
    except Exception as error:
        switch.fail(error)
