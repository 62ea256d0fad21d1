"""Do not load a relationship that nobody reads: the eager loading is taken back."""

from collections.abc import Iterator
from typing import Any

from flask_assay.experiments.interventions.loader_options import add_options
from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["apply"]


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Add the option from now on.

    Parameters: "endpoint" and "relationship", "Class.attribute".
    """
    owner, _, name = str(parameters["relationship"]).partition(".")

    def relationship(entity: Any) -> Any:
        from sqlalchemy import inspect

        mapper = getattr(inspect(entity, raiseerr=False), "mapper", None)
        found = mapper.relationships.get(name) if mapper is not None else None
        return found if found is not None and found.parent.class_.__name__ == owner else None

    def options_of(entity: Any) -> Iterator[Any]:
        from sqlalchemy.orm import lazyload

        if relationship(entity) is not None:
            yield lazyload(getattr(entity, name))

    return add_options(parameters["endpoint"], is_on, options_of, instead=relationship)
