"""Rows of shared fixtures."""

import pytest
from sqlalchemy import text
from tests.sandboxed.shop import Item
from tests.sandboxed.shop import db as database


@pytest.fixture(scope="session")
def everywhere(app):
    with app.app_context():
        database.session.add(Item(name="session"))
        database.session.commit()
    yield


@pytest.fixture(scope="module")
def shared(app):
    with app.app_context():
        database.session.add(Item(name="shared"))
        database.session.commit()
    yield


def names(client):
    return client.get("/items").json


def test_the_first_sees_shared_rows(client, shared):
    assert names(client) == ["seeded", "shared"]
    client.post("/items", json={"name": "mine"})


def test_the_second_sees_only_shared_rows(client, shared):
    assert names(client) == ["seeded", "shared"]


def test_a_clone_executes_shared_fixtures_again(client, shared, db):
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM item"))
    assert names(client) == ["seeded", "shared"]


def test_after_the_clone_they_are_there_again(client, shared):
    assert names(client) == ["seeded", "shared"]


def test_a_session_fixture_inside_a_module_layer(client, shared, everywhere):
    assert names(client) == ["seeded", "session", "shared"]


@pytest.fixture
def early(client):
    client.post("/items", json={"name": "early"})


def test_a_shared_fixture_asked_for_late(early, request, client):
    request.getfixturevalue("everywhere")
    assert names(client)[:1] == ["early"]


class TestClass:
    @pytest.fixture(scope="class")
    @classmethod
    def of_class(cls, app):
        with app.app_context():
            database.session.add(Item(name="class"))
            database.session.commit()

    def test_one(self, client, of_class):
        assert "class" in names(client)

    def test_two(self, client, of_class):
        assert "class" in names(client)


def test_the_rows_of_a_class_end_with_it(client):
    assert "class" not in names(client)
