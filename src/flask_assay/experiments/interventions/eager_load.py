"""Load relationships together with their rows, without changing the app's code.

A hook on every ORM session adds ``selectinload`` options to the selects of one endpoint, as
the developer would: from the entity that a statement selects, along the relationships that were
seen to be loaded one by one, nested where one leads to the next.

References:
    SQLAlchemy documentation, "Select IN loading" and ``SessionEvents.do_orm_execute``.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask_assay.experiments.interventions.stand_in import always, on_endpoint

__all__ = ["apply"]

_DEEPEST = 4


def apply(
    app: Any, parameters: Mapping[str, Any], is_on: Callable[[], bool] = always
) -> Callable[[], None]:
    """Add the options from now on.

    Args:
        app: The loaded Flask app.
        parameters: "endpoint" (Flask endpoint name) and "relationships", a list of
            "Class.attribute"; or "relationship", one of them.
        is_on: Whether the current request has the change.

    Returns:
        What takes it back.
    """
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    is_here = on_endpoint(parameters["endpoint"], is_on)
    wanted = frozenset(parameters.get("relationships") or [parameters["relationship"]])

    def add_options(state: Any) -> None:
        if not is_here():
            return
        if not state.is_select or state.is_relationship_load or state.is_column_load:
            return
        for entity in _entities(state.statement):
            for option in _options(entity, wanted):
                state.statement = state.statement.options(option)

    event.listen(Session, "do_orm_execute", add_options)
    return lambda: event.remove(Session, "do_orm_execute", add_options)


def _entities(statement: Any) -> Iterator[Any]:
    """Yield the mapped classes that a statement selects as whole entities."""
    for description in getattr(statement, "column_descriptions", ()):
        entity = description.get("entity")
        if entity is not None and description.get("expr") is entity:
            yield entity


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
