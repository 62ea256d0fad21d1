"""``create_all`` and ``drop_all`` in a test: the template has the schema, so no DDL is needed.

Suites call both around each test, which takes PostgreSQL longer than the test itself. A call
is answered without DDL only where nobody can see a difference but the time; else it runs.
"""

import inspect
import re
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from flask_assay.sandbox.checkout import Template

__all__ = ["Running", "answers", "patched_rebuilds"]

Answer = Callable[[str, Any, dict[str, Any]], bool]
_MIGRATIONS = frozenset({"alembic_version"})
_EVENTS = ("before_create", "after_create", "before_drop", "after_drop")
_TABLE = re.compile(r'FROM (?:"(?:[^"]|"")+"|\w+)\.("(?:[^"]|"")+"|\w+)\)')


class Running(Protocol):
    """What must be known of the test that runs, and what can be done for it."""

    @property
    def is_pristine(self) -> bool:
        """Whether the test has not used a database yet."""
        ...

    @property
    def stands_alone(self) -> bool:
        """Whether nothing below the test has used a database."""
        ...

    def reset(self) -> None:
        """Go back to the state that the test started from."""
        ...


def patched_rebuilds(answer: Answer) -> Iterator[tuple[Any, str, Any]]:
    """Yield owner, name and replacement of the methods that make and drop tables.

    Args:
        answer: Given name, metadata and arguments, says whether nothing is left to do.
    """
    from sqlalchemy import MetaData

    for name in ("create_all", "drop_all"):
        original = MetaData.__dict__[name]
        yield MetaData, name, _asking(name, original, answer)


def _asking(name: str, original: Callable[..., None], answer: Answer) -> Callable[..., None]:
    bind = inspect.signature(original).bind

    def rebuild(metadata: Any, *positional: Any, **named: Any) -> None:
        arguments = bind(metadata, *positional, **named).arguments
        if not answer(name, metadata, arguments):
            original(metadata, *positional, **named)

    rebuild.__wrapped__ = original  # type: ignore[attr-defined]  # as functools.wraps does
    return rebuild


def answers(
    name: str,
    metadata: Any,
    arguments: dict[str, Any],
    test: Running,
    template_of: Callable[[dict[str, Any]], Template],
) -> bool:
    """Do what a call needs, if it needs no DDL; say whether that was so.

    Args:
        name: "create_all" or "drop_all".
        metadata: Whose tables.
        arguments: Of the call.
        test: The one that runs.
        template_of: Says what a connection with these arguments starts from.
    """
    if not _is_plain(metadata, arguments):
        return False
    dialect, url = arguments["bind"].dialect, arguments["bind"].url
    facts = template_of(dialect.create_connect_args(url)[1]).facts
    tables = arguments.get("tables") or metadata.tables.values()
    names = frozenset(table.name.lower() for table in tables)
    if not names or not names <= facts.link.tables:
        return False
    if name == "create_all":
        return test.is_pristine
    is_all = facts.link.tables - names <= _MIGRATIONS
    seeded = {found.strip('"').lower() for found in _TABLE.findall(facts.seeded_fingerprint)}
    if not is_all or not names.isdisjoint(seeded) or not test.stands_alone:
        return False
    if not test.is_pristine:
        test.reset()
    return True


def _is_plain(metadata: Any, arguments: dict[str, Any]) -> bool:
    """Whether the call is on an engine of PostgreSQL's, and nobody listens.

    A connection is in a transaction of its own, and listeners may do anything.
    """
    from sqlalchemy.engine import Engine

    engine = arguments.get("bind")
    return (
        isinstance(engine, Engine)
        and engine.dialect.name == "postgresql"
        and arguments.get("checkfirst", True) is not False
        and not any(map(_has_listener, (metadata, *metadata.tables.values())))
    )


def _has_listener(owner: Any) -> bool:
    """Whether anybody but SQLAlchemy listens: its types make and drop themselves that way."""
    listeners = (one for event in _EVENTS for one in getattr(owner.dispatch, event))
    modules = (str(getattr(one, "func", one).__module__) for one in listeners)
    return any(not one.startswith("sqlalchemy.") or one == "sqlalchemy.sql.ddl" for one in modules)
