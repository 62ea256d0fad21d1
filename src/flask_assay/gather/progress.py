"""Who is told how far a run is, and who may wish to stop it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

from flask_assay.load.status import LoadProgress

__all__ = ["Progress"]


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
