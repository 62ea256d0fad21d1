"""Which interventions exist, and what kind of change each one is."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module

from flask_assay.gather.lab import Databases, Lab

__all__ = ["INTERVENTIONS", "Intervention"]


@dataclass(frozen=True, slots=True)
class Intervention:
    """One kind of change.

    Attributes:
        name: Name by which remedies refer to it.
        where: "database", "target" (inside the app's process) or "server".
        needs_load: Whether its effect shows only when requests compete.
    """

    name: str
    where: str
    needs_load: bool = False

    def _module(self) -> object:
        return import_module(f"flask_assay.experiments.interventions.{self.name.replace('-', '_')}")

    def change_database(
        self,
        lab: Lab,
        databases: Databases,
        unchanged: Databases,
        parameters: Mapping[str, object],
    ) -> dict[str, float]:
        """Apply a database change to a copy and return its prices beside an unchanged copy."""
        function: Callable[..., dict[str, float]] = self._module().change_database  # type: ignore[attr-defined]
        return function(lab, databases, unchanged, parameters)


INTERVENTIONS: Mapping[str, Intervention] = {
    each.name: each
    for each in (
        Intervention("index", "database"),
        Intervention("eager-load", "target"),
        Intervention("batch", "target"),
        Intervention("memo", "target"),
        Intervention("response-cache", "target"),
        Intervention("pool-size", "target", needs_load=True),
        Intervention("workers", "server", needs_load=True),
    )
}
