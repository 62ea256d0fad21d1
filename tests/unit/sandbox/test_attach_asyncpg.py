"""asyncpg, which need not be installed: a stand-in shows what it is asked for."""

import asyncio
import sys
from types import SimpleNamespace

import pytest

from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.place import Place


@pytest.fixture
def asked(monkeypatch):
    """What asyncpg was asked to connect to, and what the sandbox was told before."""
    asked = []

    async def connect(dsn=None, **named):
        asked.append((dsn, named))

    fake = SimpleNamespace(connect=connect, connection=SimpleNamespace(connect=connect))
    monkeypatch.setitem(sys.modules, "asyncpg", fake)

    class Target:
        def connect(self, driver, source, *, is_pooled):
            asked.append((driver, source["dbname"]))

        def place(self, source):
            return Place("/sockets", 5432, "assay_1", "app")

    attachment = Attachment()
    attachment._target = Target()
    attachment._attach_asyncpg()
    yield asked
    attachment.detach()
    assert fake.connect is fake.connection.connect is connect


def test_asyncpg_connects_to_the_tests_database(asked):
    import asyncpg

    url = "postgresql://shop:secret@prod.example.invalid:6432/shop"
    asyncio.run(asyncpg.connect(url, timeout=3, ssl="require"))
    place = {"host": "/sockets", "port": 5432, "user": "app", "database": "assay_1"}
    assert asked == [("asyncpg", "shop"), (None, {"timeout": 3, **place})]


def test_what_it_is_given_without_a_url_is_replaced_as_well(asked):
    import asyncpg

    arguments = {"host": "prod.example.invalid", "user": "shop", "password": "secret"}
    asyncio.run(asyncpg.connection.connect(**arguments, database="shop"))
    assert asked[1][1]["host"] == "/sockets"
    assert "password" not in asked[1][1]
