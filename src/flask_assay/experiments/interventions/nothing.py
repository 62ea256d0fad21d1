"""Change nothing: what an experiment must never call an effect (A/A)."""

from collections.abc import Callable, Mapping
from typing import Any

from flask_assay.experiments.interventions.stand_in import always

__all__ = ["apply", "keep"]


def apply(
    app: Any, parameters: Mapping[str, Any], is_on: Callable[[], bool] = always
) -> Callable[[], None]:
    """Do nothing, and take back nothing."""
    return lambda: None


def keep() -> None:
    """Stand for a seed hook where the data are there already."""
