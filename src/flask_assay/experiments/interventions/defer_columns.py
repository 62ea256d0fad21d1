"""Leave columns that nobody reads in the database, as ``defer()`` does."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask_assay.experiments.interventions.loader_options import add_options
from flask_assay.experiments.interventions.stand_in import always

__all__ = ["apply"]


def apply(
    app: Any, parameters: Mapping[str, Any], is_on: Callable[[], bool] = always
) -> Callable[[], None]:
    """Add the options from now on.

    Args:
        app: The loaded Flask app.
        parameters: "endpoint"; "entity", name of the mapped class; and "columns", names of its
            attributes.
        is_on: Whether the current request has the change.

    Returns:
        What takes it back.
    """

    def options_of(entity: Any) -> Iterator[Any]:
        from sqlalchemy import inspect
        from sqlalchemy.orm import defer

        mapper = getattr(inspect(entity, raiseerr=False), "mapper", None)
        if mapper is None or mapper.class_.__name__ != parameters["entity"]:
            return
        for name in parameters["columns"]:
            if name in mapper.column_attrs:
                yield defer(getattr(entity, name))

    return add_options(parameters["endpoint"], is_on, options_of)
