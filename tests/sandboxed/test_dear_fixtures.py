"""Shared fixtures are executed again only where their rows are gone."""

import pytest
from tests.sandboxed.shop import Item
from tests.sandboxed.shop import db as database

made = []


@pytest.fixture(scope="session")
def dear():
    made.append("dear")
    return "dear"


@pytest.fixture(scope="module")
def rows(app):
    made.append("rows")
    with app.app_context():
        database.session.add(Item(name="of the module"))
        database.session.commit()


@pytest.mark.assay(gear="clone")
def test_the_first_is_on_a_clone(dear, rows, client):
    assert client.get("/items").json == ["of the module", "seeded"]


def test_a_fixture_without_rows_is_not_executed_again(dear, client):
    assert made == ["dear", "rows"]
    assert client.get("/items").json == ["seeded"]


def test_a_fixture_with_rows_is(rows, client):
    assert made == ["dear", "rows", "rows"]
    assert client.get("/items").json == ["of the module", "seeded"]
