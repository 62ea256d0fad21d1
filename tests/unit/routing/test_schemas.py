"""Schemas that models name are there before their tables."""

from types import SimpleNamespace

import pytest
from sqlalchemy import Column, Integer, MetaData, Table, create_mock_engine

from flask_assay.routing.schemas import schemas_are_made


@pytest.fixture
def statements():
    return []


@pytest.fixture
def connection(statements):
    engine = create_mock_engine("postgresql+psycopg2://", lambda sql, *_, **__: None)
    note = lambda sql: statements.append(str(sql))  # noqa: E731 - the shape of a connection
    return SimpleNamespace(dialect=engine.dialect, execute=note)


def metadata_of(*schemas):
    metadata = MetaData()
    for number, schema in enumerate(schemas):
        Table(f"t{number}", metadata, Column("id", Integer), schema=schema)
    return metadata


def test_each_schema_is_made_once_and_quoted_and_the_servers_own_is_not(statements, connection):
    metadata = metadata_of("stock", "stock", None, "Ünit 1", "pg_catalog", "information_schema")
    with schemas_are_made():
        metadata.dispatch.before_create(metadata, connection)
    assert statements == [
        "CREATE SCHEMA IF NOT EXISTS stock",
        'CREATE SCHEMA IF NOT EXISTS "Ünit 1"',
    ]


def test_afterwards_nothing_is_made(statements, connection):
    metadata = metadata_of("stock")
    with schemas_are_made():
        pass
    metadata.dispatch.before_create(metadata, connection)
    assert statements == []
