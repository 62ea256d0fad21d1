"""Suites of somebody else's for what the plugin offers beside the sandbox itself."""

IDS = """
import pytest
from shop import Item, db as database


def next_id(client):
    client.post("/items", json={"name": "mine"})
    return Item.query.filter_by(name="mine").one().id


@pytest.mark.parametrize("turn", range(2))
@pytest.mark.assay(ids="random")
def test_random(client, db, turn):
    assert next_id(client) > 1000


@pytest.mark.assay(ids="random", gear="clone")
def test_random_on_a_clone(client, db):
    assert next_id(client) > 1000


def test_afterwards_ids_are_the_templates(client, db):
    assert next_id(client) < 4


@pytest.fixture(scope="module")
def shared(app):
    with app.app_context():
        database.session.add(Item(name="shared"))
        database.session.commit()


@pytest.mark.assay(ids="random")
def test_random_above_a_shared_fixture(shared, client, db):
    assert Item.query.filter_by(name="shared").one().id == 2
    assert next_id(client) > 1000
"""

STRICT = """
import pytest
from assay_unittest import ItemTest as TestItem
from shop import Item, db as database


@pytest.fixture(scope="module")
def shared(app):
    with app.app_context():
        database.session.add(Item(name="shared"))
        database.session.commit()


def test_undeclared(client):
    with pytest.raises(Exception):
        client.get("/items")


def test_swallowed(app):
    with app.app_context():
        try:
            Item.query.count()
        except Exception:
            pass


def test_declared_by_a_fixture(client, assay_db):
    assert client.get("/items").status_code == 200


@pytest.mark.assay()
def test_declared_by_the_marker(client):
    assert client.get("/items").status_code == 200


def test_a_shared_fixture_may(shared):
    pass


def test_without_database(app):
    assert app.name
"""

STRICT_UNITTEST = """
from flask_assay.unittest import AssayTestCase


class ItemTest(AssayTestCase):
    assay_app = "shop:create_app"

    def test_of_unittest(self):
        assert self.client.get("/items").status_code == 200
"""

DOUBTS = """
import subprocess
import sys
from sqlalchemy import text
from shop import Item, db as database


def test_a_doubt_without_reason(client):
    client.post("/items", json={"name": "x"})
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def test_a_doubt_with_reason(client, assay_db):
    client.post("/items", json={"name": "x"})
    subprocess.run([sys.executable, "-c", "pass"], check=True)
    assert assay_db.gear == "rollback"


def test_a_process_without_database(assay_db):
    subprocess.run([sys.executable, "-c", "pass"], check=True)


def test_plain(client):
    assert client.get("/items").json == ["seeded"]
"""
