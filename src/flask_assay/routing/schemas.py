"""Schemas that models name: ``create_all`` makes their tables and takes them as given."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["schemas_are_made"]


@contextmanager
def schemas_are_made() -> Iterator[None]:
    """Let every ``create_all`` meanwhile make the schemas of its tables first."""
    from sqlalchemy import MetaData, event

    event.listen(MetaData, "before_create", _make_schemas)
    try:
        yield
    finally:
        event.remove(MetaData, "before_create", _make_schemas)


def _make_schemas(metadata: Any, connection: Any, **_: Any) -> None:
    import sqlalchemy

    quoted = connection.dialect.identifier_preparer.quote
    named = {table.schema or "" for table in metadata.tables.values()}
    for name in sorted(named - {"", "information_schema"}):
        if name.startswith("pg_"):
            continue  # the server's own, which SQLAlchemy declares as well
        # SQLAlchemy 1.4 has no CreateSchema(if_not_exists=True).
        connection.execute(sqlalchemy.text(f"CREATE SCHEMA IF NOT EXISTS {quoted(name)}"))
