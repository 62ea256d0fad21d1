"""Do not load a relationship that nobody reads: the eager loading is taken back."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask_assay.experiments.interventions.loader_options import add_options
from flask_assay.experiments.interventions.stand_in import always

__all__ = ["apply"]


def apply(
    app: Any, parameters: Mapping[str, Any], is_on: Callable[[], bool] = always
) -> Callable[[], None]:
    """Add the option from now on.

    Args:
        app: The loaded Flask app.
        parameters: "endpoint" and "relationship", "Class.attribute".
        is_on: Whether the current request has the change.

    Returns:
        What takes it back.
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
