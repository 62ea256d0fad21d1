"""A suite whose tests hang, lose their connection or wait for each other; each has innocent followers."""

SUITE = """
import time

import pytest
from shop import Item
from shop import db as database
from sqlalchemy import text

EXPECTED = ["of the module", "of the session", "seeded"]


def add(app, name):
    with app.app_context():
        database.session.add(Item(name=name))
        database.session.commit()


@pytest.fixture(scope="session", autouse=True)
def of_session(app):
    add(app, "of the session")


@pytest.fixture(scope="module", autouse=True)
def of_module(app, of_session):
    add(app, "of the module")


def execute(app, statement):
    with app.app_context():
        database.session.execute(text(statement))


def innocent(name):
    def test(client):
        assert client.get("/items").json == EXPECTED
        assert client.post("/items", json={"name": "mine"}).json == {"n": 4}

    test.__name__ = name
    return test


test_before_all = innocent("test_before_all")


@pytest.mark.timeout(5)
def test_hangs_in_a_statement(app):
    add(app, "before it hung")
    execute(app, "SELECT pg_sleep(60)")


test_after_the_hanging_statement = innocent("test_after_the_hanging_statement")


@pytest.mark.timeout(5)
def test_hangs_with_an_open_transaction(app):
    with app.app_context():
        database.session.add(Item(name="pending"))
        database.session.flush()
        time.sleep(60)


test_after_the_open_transaction = innocent("test_after_the_open_transaction")


def test_ends_its_connection(app):
    execute(app, "SELECT pg_terminate_backend(pg_backend_pid())")


test_after_the_end = innocent("test_after_the_end")


def test_ends_the_transaction(app):
    execute(app, "DO $$ BEGIN COMMIT; END $$")


test_after_the_commit = innocent("test_after_the_commit")


@pytest.mark.assay(gear="clone")
def test_waits_for_itself(app):
    with app.app_context():
        database.session.execute(text("LOCK TABLE item"))
        with database.engine.connect() as other:
            other.execute(text("SELECT count(*) FROM item"))


test_after_the_wait = innocent("test_after_the_wait")


def test_fails_after_a_change_of_gear(app):
    with app.app_context(), database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM item"))
    add(app, "on a clone")
    raise RuntimeError


def test_passes_after_a_change_of_gear(app):
    with app.app_context(), database.engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("VACUUM item"))


@pytest.mark.timeout(5)
def test_hangs_after_a_doubt(app):
    with app.app_context(), database.engine.connect() as one, database.engine.connect() as other:
        for connection in (one, other):
            connection.execute(text("SELECT now(), name FROM item"))
            connection.commit()
        time.sleep(60)


test_last = innocent("test_last")
"""

HANGS_BEFORE_THE_FAILURE = [
    "test_hangs_in_a_statement",
    "test_hangs_with_an_open_transaction",
    "test_hangs_after_a_doubt",
]
