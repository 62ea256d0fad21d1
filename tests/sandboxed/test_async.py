"""Async connections have no rollback gear; they reach a clone, never the app's own URL."""

import asyncio

import psycopg
import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

INSERT = "INSERT INTO item (name) VALUES ('async')"
URL = "postgresql://prod@prod.example.invalid/shop"


async def by_engine(driver):
    engine = create_async_engine(URL.replace("postgresql", f"postgresql+{driver}"))
    async with engine.begin() as connection:
        await connection.execute(text(INSERT))
    await engine.dispose()


async def by_psycopg():
    async with await psycopg.AsyncConnection.connect(URL) as connection:
        await connection.execute(INSERT)


@pytest.mark.parametrize("way", [lambda: by_engine("psycopg"), by_psycopg])
def test_async_connections_reach_a_clone(client, assay_db, way):
    asyncio.run(way())
    assert assay_db.gear == "clone"
    assert client.get("/items").json == ["async", "seeded"]


def test_nothing_of_them_is_left(client):
    assert client.get("/items").json == ["seeded"]
