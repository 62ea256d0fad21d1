"""Change nothing: what an experiment must never call an effect (A/A)."""

from typing import Any

from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["apply", "keep"]


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Do nothing, and take back nothing."""
    return lambda: None


def keep() -> None:
    """Stand for a seed hook where the data are there already."""
