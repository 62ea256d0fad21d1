"""What a test may use beside the database."""

import contextlib
import json
import smtplib
import urllib.request
from email.message import EmailMessage

import psycopg2
import pytest
import sqlalchemy as sa
from tests.sandboxed.shop import Item
from tests.sandboxed.shop import db as database


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
    with (
        pytest.raises(
            AssertionError, match=r"2 statements were sent, expected at most 1"
        ) as caught,
        assay_queries(at_most=1),
    ):
        client.post("/items", json={"name": "x"})
    assert "INSERT INTO item" in str(caught.value)
    assert "tests/sandboxed/shop.py:" in str(caught.value)


def test_what_an_engine_asks_its_first_connection_is_not_counted(app, assay_queries):
    with app.app_context():
        url = database.engine.url
    with assay_queries(exactly=1), sa.create_engine(url).connect() as connection:
        connection.execute(sa.text("SELECT 1"))


@pytest.mark.assay(gear="clone")
def test_queries_are_counted_on_a_clone_as_well(client, assay_queries):
    with assay_queries(exactly=1):
        client.get("/items")
    with pytest.raises(AssertionError, match="1 statement was sent"), assay_queries(at_most=0):
        client.get("/items")
    client.get("/items")
    assert assay_queries.count == 1


@pytest.mark.assay(gear="clone")
def test_what_cannot_be_counted_on_a_clone_is_refused(assay_db, assay_queries):
    with contextlib.closing(psycopg2.connect("host=nowhere.invalid dbname=shop")) as connection:
        with pytest.raises(AssertionError, match="cannot count here"), assay_queries(at_most=9):
            connection.cursor().execute("SELECT 1")
        with assay_queries:
            connection.cursor().execute("SELECT 1")


@pytest.mark.parametrize("turn", range(2))
def test_redis_is_rerouted_and_emptied(assay_redis, turn):
    import redis

    assert assay_redis.get("a") is None
    with redis.Redis(host="redis.example.invalid") as other:
        other.set("a", 1)
    assert assay_redis.get("a") == b"1"
    with redis.Redis.from_url("redis://redis.example.invalid/3") as third:
        third.set("b", 1)
    assert assay_redis.get("b") is None
    assert assay_redis.database(3).get("b") == b"1"


def test_mail_is_caught(assay_mail):
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "a@example.com", "b@example.com", "hi"
    message.set_content("body\n.dot")
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
