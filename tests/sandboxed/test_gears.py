"""Rows, ids and gears, test by test."""

import pytest
from sqlalchemy import text
from tests.sandboxed.shop import Item
from tests.sandboxed.shop import db as database


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


@pytest.mark.assay(gear="clone")
def test_a_marker_states_the_gear(client, assay_db):
    assert assay_db.gear == "clone"
    assert client.post("/items", json={"name": "x"}).json == {"n": 2}


def test_now_advances(db):
    one = db.session.execute(text("select now()")).scalar()
    db.session.commit()
    assert db.session.execute(text("select now()")).scalar() > one


@pytest.mark.xfail(strict=True)
def test_an_expected_failure(client):
    assert client.get("/items").json == []


def test_reset_in_the_middle(client, assay_db):
    client.post("/items", json={"name": "x"})
    assay_db.reset()
    assert client.get("/items").json == ["seeded"]
    assert assay_db.sql("select count(*) from item") == [(1,)]


def test_a_child_process_is_confirmed_on_a_clone(client, assay_db):
    import subprocess
    import sys

    subprocess.run([sys.executable, "-c", "pass"], check=True)


@pytest.mark.assay(gear="off")
@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_test_that_is_left_alone_connects_where_it_says(driver):
    module = pytest.importorskip(driver)
    with pytest.raises(module.OperationalError, match="/nowhere"):
        module.connect(host="/nowhere", dbname="shop")


def test_the_next_one_is_isolated_again(client):
    assert client.get("/items").json == ["seeded"]
