"""A suite that counts on pytest-flask-sqlalchemy's names; run in a project."""

import urllib.request

import catalog
import pytest
from catalog import Item, Maker, db, engine, other
from sqlalchemy import inspect, text

REAL = (engine, Maker, other)


def count():
    with engine.connect() as connection:
        return connection.execute(text("select count(*) from item")).scalar()


@pytest.mark.parametrize("turn", range(2))
def test_what_db_session_commits_is_gone_in_the_next_test(db_session, turn):
    db_session.add(Item(name="x"))
    db_session.commit()
    assert db_session.query(Item).count() == count() == 1


@pytest.mark.parametrize("turn", range(2))
def test_what_db_engine_commits_is_gone_in_the_next_test(db_engine, turn):
    with db_engine.begin() as connection:
        connection.execute(text("insert into item (name) values ('x')"))
    assert count() == 1


@pytest.mark.parametrize("turn", range(2))
def test_a_test_without_these_fixtures_is_isolated_as_well(app, turn):
    with app.app_context():
        db.session.add(Item(name="x"))
        db.session.commit()
    assert count() == 1


def test_session_and_engine_see_each_other(db_session, db_engine):
    with db_engine.begin() as connection:
        connection.execute(text("insert into item (name) values ('from the engine')"))
    assert db_session.query(Item).one().name == "from the engine"


def test_they_are_the_apps_own(db_session, db_engine):
    assert db_session is db.session
    assert db_engine is db.engine


def test_the_private_names_are_the_same(_db, _session, _engine, db_session, db_engine):
    assert _db is db
    assert (_session, _engine) == (db_session, db_engine)


def test_the_transaction_is_that_of_the_session(_transaction):
    connection, transaction, session = _transaction
    session.add(Item(name="x"))
    session.flush()
    assert connection.execute(text("select name from item")).scalar() == "x"
    assert transaction.is_active


def test_raw_connections_take_part(db_engine, db_session):
    raw = db_engine.raw_connection()
    raw.cursor().execute("insert into item (name) values ('raw')")
    raw.commit()
    raw.close()
    assert db_session.query(Item).one().name == "raw"


def test_an_error_leaves_the_session_usable(db_session):
    with pytest.raises(Exception, match="nowhere"):
        db_session.execute(text("select * from nowhere"))
    db_session.rollback()
    assert db_session.query(Item).count() == 0


def test_tables_may_be_dropped(db_engine):
    Item.__table__.drop(db_engine)
    assert not inspect(db_engine).has_table("item")


def test_a_dropped_table_is_back(db_engine):
    assert inspect(db_engine).has_table("item")


def test_objects_stay_attached_after_a_request(client, db_session):
    item = Item(name="mine")
    db_session.add(item)
    db_session.commit()
    assert client.get("/items").json == ["mine"]
    assert item in db_session
    assert item.name == "mine"


def test_an_object_shows_what_a_request_changed(client, db_session):
    item = Item(name="before")
    db_session.add(item)
    db_session.commit()
    assert item.name == "before"
    client.put(f"/items/{item.id}", json={"name": "after"})
    assert item.name == "after"


def test_a_request_sees_what_is_not_committed_yet(client, db_session):
    db_session.add(Item(name="flushed"))
    assert client.get("/items").json == ["flushed"]


def test_closing_the_session_keeps_its_objects(db_session):
    item = Item(name="mine")
    db_session.add(item)
    db_session.commit()
    db_session.close()
    db_session.remove()
    assert item in db_session


def test_the_session_is_as_before(app):
    with app.app_context():
        item = Item(name="mine")
        db.session.add(item)
        db.session.commit()
        assert item in db.session
        db.session.remove()
        assert item not in db.session


def test_named_sessions_lead_to_db_session(db_session):
    assert catalog.other is db_session


def test_named_sessionmakers_lead_to_db_session(db_session):
    assert catalog.Maker(expire_on_commit=False) is db_session
    catalog.Maker.configure(bind=None)


def test_named_engines_stay_what_they_are(db_engine):
    assert catalog.engine is engine


def test_named_sessions_are_back(app):
    assert (catalog.engine, catalog.Maker, catalog.other) == REAL


def test_the_live_server_sees_what_the_test_committed(db_session, live_server):
    db_session.add(Item(name="seen"))
    db_session.commit()
    with urllib.request.urlopen(live_server.url("/items")) as answer:
        assert answer.read().strip() == b'["seen"]'


def test_a_thread_has_a_session_of_its_own(db_session, live_server):
    item = Item(name="kept")
    db_session.add(item)
    db_session.commit()
    urllib.request.urlopen(live_server.url("/items")).close()
    assert item in db_session


def test_another_engine_sees_committed_rows_only(db_session):
    db_session.add(Item(name="flushed"))
    db_session.flush()
    assert count() == 0
    db_session.commit()
    assert count() == 1
