"""Copies of the data for the arms of an experiment: as few as tell them apart.

Arms that only read share the copy of the unchanged database; each set of database changes gets
its own, and so does each arm whose requests are meant to write: they would find their own work
done. Where requests that should only read write nevertheless, as those of an app that notes who
was seen last, what they write is the same for all arms: only the null arm has its own copy then,
so that what differs between copies is seen to differ without any change.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from flask_assay.errors import AssayError
from flask_assay.experiments.arms import BASE, NULL, ArmPlan, database_remedies
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.registry import INTERVENTIONS
from flask_assay.experiments.writes import has_unsafe_method
from flask_assay.gather.lab import Copy, Databases, Lab

__all__ = ["Copies"]


class Copies:
    """All copies of one experiment.

    Args:
        lab: The run's servers; no target may be up.
        wanted: What is tried.
        writing: Routes whose requests write.

    Attributes:
        base: Of the unchanged app, with the one Redis that all arms share.
        prices: Remedy id → what its change of the database costs.
        refused: Remedy id → why PostgreSQL would not take it.
    """

    def __init__(self, lab: Lab, wanted: Sequence[Hypothesis], writing: frozenset[str]) -> None:
        self._lab, self._writing = lab, writing
        self._changes = database_remedies(wanted)
        self.base: Copy = lab.copy("base")
        self.prices: dict[str, dict[str, float]] = {}
        self.refused: dict[str, str] = {}
        self._made: dict[tuple[tuple[str, ...], str], Databases] = {((), ""): self.base.databases}

    def give(self, arms: Sequence[ArmPlan], on_step: Callable[[str], None]) -> list[ArmPlan]:
        """Return the arms with their databases; without those that were refused."""
        given: list[ArmPlan] = []
        for arm in arms:
            if self.refused.keys() & set(arm.remedies):
                continue
            try:
                given.append(replace(arm, databases=self._databases(arm, on_step)))
            except AssayError as error:
                self.refused |= dict.fromkeys(arm.remedies, error.what)
        return given

    def discard(self) -> None:
        """Drop all of them."""
        self._lab.discard(self.base)
        for key, databases in self._made.items():
            if key != ((), ""):
                self._drop(databases)

    def _databases(self, arm: ArmPlan, on_step: Callable[[str], None]) -> Databases:
        changes = tuple(each for each in arm.remedies if each in self._changes)
        written = arm.routes & self._writing
        is_own = any(map(has_unsafe_method, written)) or (arm.name == NULL and bool(written))
        is_own = is_own and arm.name != BASE
        key = (changes, arm.name if is_own else "")
        if key not in self._made:
            on_step(f"experiment: copy the database ({len(self._made)})")
            self._made[key] = self._changed(changes)
        return self._made[key]

    def _changed(self, changes: tuple[str, ...]) -> Databases:
        databases = self._lab.clone_databases(f"x{self._lab.next_number()}")
        try:
            for each in changes:
                remedy = self._changes[each].remedy
                change = INTERVENTIONS[remedy.intervention].change_database
                # priced where it stands alone; measured once, as the price is the index's own
                unchanged = (
                    self.base.databases if changes == (each,) and each not in self.prices else None
                )
                prices = change(self._lab, databases, unchanged, remedy.parameters)
                if unchanged is not None:
                    self.prices[each] = prices
        except AssayError:
            self._drop(databases)
            raise
        return databases

    def _drop(self, databases: Databases) -> None:
        for each in databases.all():
            self._lab.postgres.drop_database(each)
