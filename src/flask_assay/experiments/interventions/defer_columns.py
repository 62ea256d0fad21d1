"""Leave columns that nobody reads in the database, as ``defer()`` does."""

from collections.abc import Iterator
from typing import Any

from flask_assay.experiments.interventions.loader_options import add_options
from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["apply"]


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Add the options from now on.

    Parameters: "endpoint"; "entity", name of the mapped class; and "columns", names of its
    attributes.
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
