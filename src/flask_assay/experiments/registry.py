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
        learns: Whether the first visit of a request only prepares the following ones.
        is_simulated: Whether it shows what a rewrite would save instead of being one.
        is_what_if: Whether it shows an upper bound that no rewrite needs to reach.
        mends: Whether it makes something right, which no time shows.
        saves_repeats: Whether it helps only where a statement runs more than once in a request.
        saves_statements: Whether it does nothing where as many statements run with it as without.
    """

    name: str
    where: str
    needs_load: bool = False
    learns: bool = False
    is_simulated: bool = False
    is_what_if: bool = False
    mends: bool = False
    saves_repeats: bool = False
    saves_statements: bool = False

    def fits(self, parameters: Mapping[str, object]) -> bool:
        """Whether these parameters name a change that it can make."""
        if self.name in {"external-what-if", "timeout"}:  # calls only: "POST api.example"
            return " " in str(parameters.get("target", ""))
        return True

    def _module(self) -> object:
        return import_module(f"flask_assay.experiments.interventions.{self.name.replace('-', '_')}")

    def change_database(
        self,
        lab: Lab,
        databases: Databases,
        unchanged: Databases | None,
        parameters: Mapping[str, object],
    ) -> dict[str, float]:
        """Apply a database change to a copy and return its prices beside an unchanged one."""
        function: Callable[..., dict[str, float]] = self._module().change_database  # type: ignore[attr-defined]
        return function(lab, databases, unchanged, parameters)


INTERVENTIONS: Mapping[str, Intervention] = {
    each.name: each
    for each in (
        Intervention("index", "database"),
        Intervention("eager-load", "target", saves_repeats=True, saves_statements=True),
        Intervention(
            "batch",
            "target",
            learns=True,
            is_simulated=True,
            saves_repeats=True,
            saves_statements=True,
        ),
        Intervention(
            "memo", "target", is_simulated=True, saves_repeats=True, saves_statements=True
        ),
        Intervention("response-cache", "target", learns=True),
        Intervention("invalidate-on-write", "target", learns=True),
        Intervention("keep-after-commit", "target", saves_statements=True),
        Intervention("defer-columns", "target"),
        Intervention("skip-eager-load", "target"),
        Intervention("compile-once", "target", learns=True),
        Intervention("fold-cache-trips", "target", learns=True, is_simulated=True),
        Intervention("external-what-if", "target", learns=True, is_what_if=True),
        Intervention("offload", "target", learns=True, is_what_if=True),
        Intervention("validators", "target", learns=True),
        Intervention("timeout", "target", mends=True),
        Intervention("identity-key", "target", mends=True),
        Intervention("nothing", "target"),
        Intervention("pool-size", "target", needs_load=True),
        Intervention("workers", "server", needs_load=True),
    )
}
