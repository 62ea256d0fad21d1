"""Add loader options to the ORM selects of one endpoint, as its developer would.

References:
    SQLAlchemy documentation, ``SessionEvents.do_orm_execute``.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from flask_assay.experiments.interventions.stand_in import on_endpoint

__all__ = ["add_options"]


def add_options(
    endpoint: str,
    is_on: Callable[[], bool],
    options_of: Callable[[Any], Iterable[Any]],
    *,
    instead: Callable[[Any], Any] | None = None,
) -> Callable[[], None]:
    """Add options from now on.

    Args:
        endpoint: Flask endpoint name.
        is_on: Whether the current request has the change.
        options_of: Returns the options for a mapped class, or an alias of one, that a statement
            selects.
        instead: Returns the relationship of such a class whose options in the code are dropped;
            None for none.

    Returns:
        What takes it back.
    """
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    is_here = on_endpoint(endpoint, is_on)

    def add(state: Any) -> None:
        if not is_here():
            return
        if not state.is_select or state.is_relationship_load or state.is_column_load:
            return
        for entity in _entities(state.statement):
            dropped = instead(entity) if instead is not None else None
            if dropped is not None:
                state.statement = _without(state.statement, dropped)
            for option in options_of(entity):
                state.statement = state.statement.options(option)

    event.listen(Session, "do_orm_execute", add)
    return lambda: event.remove(Session, "do_orm_execute", add)


def _entities(statement: Any) -> Iterator[Any]:
    """Yield the mapped classes that a statement selects as whole entities."""
    for description in getattr(statement, "column_descriptions", ()):
        entity = description.get("entity")
        if entity is not None and description.get("expr") is entity:
            yield entity


def _without(statement: Any, relationship: Any) -> Any:
    """Return a statement whose own options no longer lead through a relationship."""
    kept = []
    for option in statement._with_options:
        elements = getattr(option, "context", None)
        if not isinstance(elements, tuple):
            kept.append(option)
            continue
        left = tuple(each for each in elements if relationship not in each.path.path)
        if left:
            changed = option._clone()
            changed.context = left
            kept.append(changed)
    changed = statement._clone()
    changed._with_options = tuple(kept)
    return changed
