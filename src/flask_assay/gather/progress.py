"""Who is told how far a run is, and who may wish to stop it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from flask_assay.load.status import LoadProgress
from flask_assay.model.clock import Clock

__all__ = ["Progress", "Telling"]

_TELL_EVERY_S = 4.0


class Progress(Protocol):
    """Who is told how far a run is."""

    def step(self, text: str) -> None:
        """A new step begins.

        Raises:
            InterruptedRunError: If the user asked to stop, outside of ``held``.
        """
        ...

    def load(self, progress: LoadProgress) -> None:
        """The load is under way; called a few times a second."""
        ...

    def note(self, text: str) -> None:
        """Say what the user should know."""
        ...

    @property
    def is_interrupted(self) -> bool:
        """Whether the user asked to stop."""
        ...

    def held(self) -> AbstractContextManager[None]:
        """Let a wish to stop only be seen within the block; elsewhere it raises where it comes."""
        ...

    def ends_with(self, end: Callable[[], None]) -> None:
        """How to end everything at once, for a user who asks twice."""
        ...


class Telling:
    """Passes on what is going on, at most every few seconds; for loops of many short steps.

    Args:
        on_step: Whom to tell.
        clock: Source of time.
    """

    def __init__(self, on_step: Callable[[str], None], clock: Clock) -> None:
        self._on_step = on_step
        self._clock = clock
        self._last_ns = clock.monotonic_ns()

    def __call__(self, text: str) -> None:
        """Say it, unless something was said a moment ago."""
        now = self._clock.monotonic_ns()
        if now - self._last_ns >= _TELL_EVERY_S * 1e9:
            self._last_ns = now
            self._on_step(text)
