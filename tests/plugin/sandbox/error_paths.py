"""Suites of somebody else's: servers that are gone, gears that change, fixtures that are dear."""

PINGS = """
import pytest
from sqlalchemy import text
from shop import Item, create_app, db as database


@pytest.fixture(scope="session")
def app():
    from flask import Flask
    app = Flask("pinged")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://prod@prod.example.invalid/shop"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
    database.init_app(app)
    yield app


def names(app):
    with app.app_context():
        return [item.name for item in Item.query.order_by(Item.name)]


GEARS = [pytest.param(gear, marks=pytest.mark.assay(gear=gear)) for gear in ("rollback", "clone")]


@pytest.mark.parametrize("gear", GEARS * 2)
def test_gears_take_turns(app, request, assay_db, gear):
    assert names(app) == ["seeded"]
    with app.app_context():
        database.session.add(Item(name="mine"))
        database.session.commit()
    assert names(app) == ["mine", "seeded"]


def test_a_ping_is_no_statement_of_the_app(app, assay_queries):
    names(app)
    with assay_queries(exactly=1):
        names(app)
"""

DOWN = """
import platform, subprocess, sys
import pytest
from sqlalchemy.exc import OperationalError
from shop import Item, db as database


def test_a_database_that_is_gone(app, assay_db):
    with app.app_context():
        assert Item.query.count() == 1
    with assay_db.down(), app.app_context():
        with pytest.raises(OperationalError, match="connection refused"):
            Item.query.count()
    with app.app_context():
        assert Item.query.count() == 1


def test_mail_that_is_refused(assay_mail):
    import smtplib
    assay_mail.refuse(550, times=2)

    def send():
        with smtplib.SMTP("mail.example.invalid") as client:
            client.sendmail("a@example.com", ["b@example.com"], b"Subject: hi\\r\\n\\r\\nbody")

    for _ in range(2):
        with pytest.raises(smtplib.SMTPSenderRefused, match="550"):
            send()
    send()
    assert [message["Subject"] for message in assay_mail] == ["hi"]


def test_a_code_that_refuses_nothing(assay_mail):
    with pytest.raises(ValueError, match="codes of refusals are 400 to 599"):
        assay_mail.refuse(250)


def test_looking_up_the_machine_is_no_doubt(app, assay_db):
    platform._uname_cache = None
    platform.uname().processor
    assert assay_db.gear == "rollback"
"""

DEAR = """
import pytest
from shop import Item, db as database

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
"""
