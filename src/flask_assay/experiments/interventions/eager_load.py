"""Load relationships together with their rows, without changing the app's code.

A hook on every ORM session adds ``selectinload`` options to the selects of one endpoint, as
the developer would: from the entity that a statement selects, along the relationships that were
seen to be loaded one by one, nested where one leads to the next.

References:
    SQLAlchemy documentation, "Select IN loading".
"""

from collections.abc import Iterator
from typing import Any

from flask_assay.experiments.interventions.loader_options import add_options
from flask_assay.experiments.interventions.stand_in import IsOn, Parameters, Undo, always

__all__ = ["apply"]

_DEEPEST = 4


def apply(app: Any, parameters: Parameters, is_on: IsOn = always) -> Undo:
    """Add the options from now on.

    Parameters: "endpoint" (Flask endpoint name) and "relationships", a list of
    "Class.attribute"; or "relationship", one of them.
    """
    wanted = frozenset(parameters.get("relationships") or [parameters["relationship"]])
    return add_options(parameters["endpoint"], is_on, lambda entity: _options(entity, wanted))


def _options(entity: Any, wanted: frozenset[str]) -> Iterator[Any]:
    """Yield one loader option per path of wanted relationships that starts at an entity."""
    from sqlalchemy import inspect
    from sqlalchemy.orm import selectinload

    mapper = getattr(inspect(entity, raiseerr=False), "mapper", None)
    if mapper is None:
        return
    for path in _paths(mapper, wanted, frozenset()):
        option = None
        for owner, name in path:
            attribute = getattr(entity if option is None else owner, name)
            option = selectinload(attribute) if option is None else option.selectinload(attribute)
        yield option


def _paths(
    mapper: Any, wanted: frozenset[str], used: frozenset[str]
) -> Iterator[list[tuple[Any, str]]]:
    """Yield each longest path as (class, attribute name) steps."""
    for relationship in mapper.relationships:
        label = _label(relationship, mapper)
        if label not in wanted or label in used or len(used) >= _DEEPEST:
            continue
        if relationship.lazy in {"dynamic", "write_only", "noload", "raise", "raise_on_sql"}:
            continue  # these answer with a query object, or refuse: no option applies
        step = (mapper.class_, relationship.key)
        further = list(_paths(relationship.mapper, wanted, used | {label}))
        if not further:
            yield [step]
        for path in further:
            yield [step, *path]


def _label(relationship: Any, mapper: Any) -> str:
    """Return "Class.attribute" as the probe names it: by the class that declares it."""
    return f"{relationship.parent.class_.__name__}.{relationship.key}"
