"""What a sensor is, and what it gets to attach itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

from flask_assay.probe.patches import Patches
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.switch import Switch, around, around_async

__all__ = ["Install", "Sensor", "Wiring"]


@dataclass(frozen=True)
class Wiring:
    """The means of one attached sensor."""

    recorder: Recorder
    patches: Patches
    switch: Switch

    def around(
        self,
        owner: Any,
        name: str,
        before: Callable[..., Any],
        after: Callable[..., None],
    ) -> None:
        """Put something before and after a method; see ``switch.around``."""
        self.patches.replace(
            owner, name, lambda original: around(self.switch, original, before, after)
        )

    def around_async(
        self,
        owner: Any,
        name: str,
        before: Callable[..., Any],
        after: Callable[..., None],
    ) -> None:
        """Put something before and after an async method."""
        self.patches.replace(
            owner, name, lambda original: around_async(self.switch, original, before, after)
        )


Install = Callable[[Wiring, ModuleType], None]


@dataclass(frozen=True)
class Sensor:
    """One measured thing.

    Attributes:
        name: As in ``ProbePlan.sensors``.
        hooks: For each module that it patches: what to do once the app has imported it.
    """

    name: str
    hooks: Mapping[str, Install]
