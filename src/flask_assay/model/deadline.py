"""When something must be over: asked between requests, not between experiments."""

from dataclasses import dataclass, replace

from flask_assay.model.clock import Clock

__all__ = ["Deadline"]


@dataclass(frozen=True, slots=True)
class Deadline:
    """A moment on the monotonic clock.

    Attributes:
        clock: Source of time.
        end_ns: The moment.
    """

    clock: Clock
    end_ns: int

    @classmethod
    def after(cls, clock: Clock, seconds: float) -> "Deadline":
        """Return the moment so many seconds from now."""
        return cls(clock, clock.monotonic_ns() + int(seconds * 1e9))

    @property
    def left_s(self) -> float:
        """Seconds until then, never below 0."""
        return max(0.0, (self.end_ns - self.clock.monotonic_ns()) / 1e9)

    @property
    def is_over(self) -> bool:
        """Whether the moment has passed."""
        return self.clock.monotonic_ns() >= self.end_ns

    def within(self, seconds: float) -> "Deadline":
        """Return the moment so many seconds from now, or this one if it comes first."""
        soon = self.clock.monotonic_ns() + int(seconds * 1e9)
        return replace(self, end_ns=min(self.end_ns, soon))

    def earlier(self, seconds: float) -> "Deadline":
        """Return the moment so many seconds before this one."""
        return replace(self, end_ns=self.end_ns - int(seconds * 1e9))
