"""Suites of somebody else's, as texts."""

GEARS = """
import pytest
from sqlalchemy import text
from shop import Item, db as database


def test_nothing_is_sent():
    pass


def vacuum():
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM item"))


def test_vacuum_changes_the_gear(db, assay_db):
    vacuum()
    assert assay_db.gear == "clone"


def test_a_swallowed_commit_leaks(db):
    try:
        db.session.execute(text("insert into item (name) values ('leak')"))
        db.session.execute(text("COMMIT"))
    except Exception:
        pass


def test_after_the_leak(client):
    assert client.get("/items").json == ["seeded"]


def test_a_procedure_that_really_commits_is_healed(db, assay_db):
    if assay_db.gear == "rollback":
        raw = db.engine.raw_connection()
        raw.cursor().execute("insert into item (name) values ('escaped')")
        raw.driver_connection._assay_link.raw.cursor().execute("COMMIT")
        raw.cursor().execute("select 1")


def test_after_the_escape(client):
    assert client.get("/items").json == ["seeded"]


def test_now_advances(db):
    one = db.session.execute(text("select now()")).scalar()
    db.session.commit()
    assert db.session.execute(text("select now()")).scalar() > one


def test_a_failure_stays_a_failure(client):
    assert client.get("/items").json == []


"""

NEXT = """
def test_the_rows_of_a_module_end_with_it(client):
    assert "shared" not in client.get("/items").json


def test_a_session_fixture_again(client, everywhere_again):
    assert "again" in client.get("/items").json
"""

CONFTEST = """
import pytest
from shop import Item, db as database


@pytest.fixture(scope="session")
def everywhere_again(app):
    with app.app_context():
        database.session.add(Item(name="again"))
        database.session.commit()
"""

CHILD = """
import subprocess
import sys


def test_a_child_writes(client, assay_db):
    assert client.get("/items").status_code == 200
    code = "import psycopg2, sys; c = psycopg2.connect(sys.argv[1]); c.autocommit = True;"
    code += "c.cursor().execute(\\"insert into item (name) values ('by child')\\")"
    subprocess.run([sys.executable, "-c", code, assay_db.url], check=True)
"""

LATER = """
def test_later(client):
    assert client.get("/items").json == ["seeded"]
"""

SESSION = """
import pytest
from shop import Item
from shop import db as database


def add(app, name):
    with app.app_context():
        database.session.add(Item(name=name))
        database.session.commit()


def shown(client):
    return [name for name in client.get("/items").json if name.startswith("S ")]


@pytest.fixture(scope="session")
def of_the_session(app):
    add(app, "S session")


@pytest.fixture(scope="module")
def of_the_module(app):
    add(app, "S module")


@pytest.fixture(scope="class")
def of_the_class(app):
    add(app, "S class")


def test_sees_the_row(client, of_the_session):
    assert shown(client) == ["S session"]
    client.post("/items", json={"name": "S test"})


@pytest.mark.assay(gear="clone")
def test_sees_it_on_a_clone(client, of_the_session):
    assert shown(client) == ["S session"]


def test_sees_it_again(client, of_the_session):
    assert shown(client) == ["S session"]
    client.post("/items", json={"name": "S test"})


class TestClass:
    def test_a_wider_fixture_within(self, client, of_the_session, of_the_class, of_the_module):
        assert shown(client) == ["S class", "S module", "S session"]


def test_the_wider_fixture_after_the_class(client, of_the_session, of_the_module):
    assert shown(client) == ["S module", "S session"]
"""
