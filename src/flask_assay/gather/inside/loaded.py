"""Tells which rows an ORM loads in a block: those of a sign-in say who signed in."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Row", "first_rows", "rows_loaded"]

Row = tuple[str, str, str]  # table, column of the key, its value


@contextmanager
def rows_loaded() -> Iterator[list[Row]]:
    """Yield a list that each row with a key of one column is added to when it is loaded.

    It stays empty for an app without SQLAlchemy.
    """
    found: list[Row] = []
    try:
        from sqlalchemy import event, inspect
        from sqlalchemy.orm import Mapper
    except ImportError:
        yield found
        return

    def note(instance: Any, _context: Any) -> None:
        state = inspect(instance)
        keys = state.mapper.primary_key
        if state.identity is not None and len(keys) == len(state.identity) == 1:
            found.append((str(keys[0].table.name), str(keys[0].name), str(state.identity[0])))

    event.listen(Mapper, "load", note)
    try:
        yield found
    finally:
        event.remove(Mapper, "load", note)


def first_rows(rows: list[Row]) -> list[Row]:
    """Return the first row of each table.

    ``session.scalars(…).first()`` loads all and takes that. Who takes another is not known by it;
    whether a row is the user's is for the app's answers to say.
    """
    return list({row[0]: row for row in reversed(rows)}.values())[::-1]
