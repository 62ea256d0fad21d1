"""Suites of somebody else's, as texts."""

GEARS = """
import pytest
from sqlalchemy import text
from shop import Item, db as database


@pytest.mark.parametrize("turn", range(2))
def test_rows_are_gone_in_the_next_test(client, turn):
    assert client.post("/items", json={"name": "x"}).json == {"n": 2}
    assert client.get("/items").json == ["seeded", "x"]


def test_nothing_is_sent():
    pass


@pytest.mark.parametrize("turn", range(2))
def test_ids_are_the_templates(client, db, turn):
    client.post("/items", json={"name": "y"})
    assert db.session.query(Item).filter_by(name="y").one().id == 2


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


@pytest.mark.assay(gear="clone")
def test_a_marker_states_the_gear(client, assay_db):
    assert assay_db.gear == "clone"
    assert client.post("/items", json={"name": "x"}).json == {"n": 2}


def test_now_advances(db):
    one = db.session.execute(text("select now()")).scalar()
    db.session.commit()
    assert db.session.execute(text("select now()")).scalar() > one


def test_a_failure_stays_a_failure(client):
    assert client.get("/items").json == []


@pytest.mark.xfail(strict=True)
def test_an_expected_failure(client):
    assert client.get("/items").json == []


def test_reset_in_the_middle(client, assay_db):
    client.post("/items", json={"name": "x"})
    assay_db.reset()
    assert client.get("/items").json == ["seeded"]
    assert assay_db.sql("select count(*) from item") == [(1,)]


def test_a_child_process_is_confirmed_on_a_clone(client, assay_db):
    import subprocess, sys
    subprocess.run([sys.executable, "-c", "pass"], check=True)
"""

LAYERS = """
import pytest
from sqlalchemy import text
from shop import Item, db as database


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

FIXTURES = """
import json, smtplib, threading, urllib.request
from email.message import EmailMessage
import pytest
from shop import Item


def test_the_live_server_is_in_the_sandbox(assay_live_server, db):
    db.session.add(Item(name="mine"))
    db.session.commit()
    with urllib.request.urlopen(assay_live_server.url("/items")) as answer:
        assert json.load(answer) == ["mine", "seeded"]


def test_queries_are_counted(client, assay_queries):
    with assay_queries(1):
        client.get("/items")
    assert assay_queries.count == 1


def test_too_many_queries_are_shown_with_their_place(client, assay_queries):
    with pytest.raises(AssertionError, match=r"2 statements were sent, expected at most 1") as caught:
        with assay_queries(at_most=1):
            client.post("/items", json={"name": "x"})
    assert "INSERT INTO item" in str(caught.value)
    assert "shop.py:" in str(caught.value)


@pytest.mark.parametrize("turn", range(2))
def test_redis_is_rerouted_and_emptied(assay_redis, turn):
    import redis
    assert assay_redis.get("a") is None
    with redis.Redis(host="redis.example.invalid") as other:
        other.set("a", 1)
    assert assay_redis.get("a") == b"1"


def test_mail_is_caught(assay_mail):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "hi"
    message.set_content("body\\n.dot")
    with smtplib.SMTP("mail.example.invalid", 587) as client:
        client.starttls()
        client.login("u", "p")
        client.send_message(message)
    assert assay_mail[0]["Subject"] == "hi"
    assert ".dot" in assay_mail[0].get_content()


def test_folders_are_moved(assay_files, app):
    assert app.config["UPLOAD_FOLDER"].startswith(str(assay_files))


def test_folders_are_moved_back(app):
    assert app.config["UPLOAD_FOLDER"] == "/nonexistent"
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
