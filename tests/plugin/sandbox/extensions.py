"""Projects on other extensions than Flask-SQLAlchemy 3 with one database."""

BINDS = """
from flask import Flask, jsonify
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), unique=True, nullable=False)


class Entry(db.Model):
    __bind_key__ = "ledger"
    id = db.Column(db.Integer, primary_key=True)
    text = db.Column(db.String(50), nullable=False)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://prod@one.example.invalid/shop"
    app.config["SQLALCHEMY_BINDS"] = {
        "ledger": "postgresql+psycopg2://prod@two.example.invalid/ledger",
        "reader": {
            "url": "postgresql+psycopg2://reader@one.example.invalid/shop",
            "connect_args": {"options": "-c default_transaction_read_only=on"},
        },
    }
    db.init_app(app)

    @app.post("/buy/<name>")
    def buy(name):
        db.session.add_all([Item(name=name), Entry(text=f"bought {name}")])
        db.session.commit()
        return jsonify(state())

    return app


def state():
    return [
        [item.name for item in Item.query.order_by(Item.id)],
        [entry.text for entry in Entry.query.order_by(Entry.id)],
    ]


def seed():
    db.session.add_all([Item(name="seeded"), Entry(text="opened")])
    db.session.commit()
"""

BINDS_SUITE = """
import pytest
from sqlalchemy import text
from sqlalchemy.exc import InternalError
from shop import Entry, Item, state

SEEDED = [["seeded"], ["opened"]]
each_gear = pytest.mark.parametrize("gear", [
    pytest.param(gear, marks=pytest.mark.assay(gear=gear)) for gear in ("rollback", "clone")
])


@each_gear
@pytest.mark.parametrize("turn", range(2))
def test_both_are_as_in_the_template(client, db, turn, gear):
    assert state() == SEEDED
    assert client.post("/buy/lamp").json == [["seeded", "lamp"], ["opened", "bought lamp"]]
    assert (Item.query.count(), Entry.query.count()) == (2, 2)


@each_gear
def test_they_are_two_databases(db, gear):
    names = [
        [row[0] for row in db.session.execute(
            text("select tablename from pg_tables where schemaname = 'public'"),
            bind_arguments={"bind": engine},
        )]
        for engine in (db.engines[None], db.engines["ledger"])
    ]
    assert names == [["item"], ["entry"]]


@each_gear
def test_a_read_only_bind_sees_what_is_committed_and_writes_nothing(client, db, gear):
    client.post("/buy/lamp")
    with db.engines["reader"].connect() as reader:
        assert reader.execute(text("select count(*) from item")).scalar() == 2
        with pytest.raises(InternalError, match="read-only"):
            reader.execute(text("insert into item (name) values ('no')"))


def test_an_error_in_one_undoes_both(db):
    db.session.add_all([Item(name="seeded"), Entry(text="lost")])
    with pytest.raises(Exception, match="unique"):
        db.session.commit()
    db.session.rollback()
    assert state() == SEEDED


def test_one_is_healed_and_the_other_is_as_it_was(db):
    db.session.execute(text("drop table entry"), bind_arguments={"bind": db.engines["ledger"]})
    db.session.commit()


def test_after_the_drop(db):
    assert state() == SEEDED
"""

TASKS = """
import pytest
from celery import Celery, Task, shared_task
from flask import Flask
from shop import Item, create_app, db as database


@pytest.fixture(scope="session")
def celery_app(app):
    class AppTask(Task):
        def __call__(self, *args):
            with app.app_context():
                return self.run(*args)

    made = Celery(task_cls=AppTask, broker="redis://broker.example.invalid", backend="cache+memory://")
    made.conf.task_always_eager = True
    made.set_default()
    return made


@pytest.fixture
def add(celery_app):
    @celery_app.task(name="add", autoretry_for=(LookupError,), max_retries=1, default_retry_delay=0)
    def add(name):
        if not Item.query.filter_by(name="first").count():
            database.session.add(Item(name="first"))
            database.session.commit()
            raise LookupError("try again")
        database.session.add(Item(name=name))
        database.session.commit()
        return Item.query.count()

    return add


@pytest.mark.parametrize("turn", range(2))
def test_an_eager_task_commits_into_the_sandbox(client, add, assay_db, turn):
    assert add.delay("mine").get() == 3
    assert client.get("/items").json == ["first", "mine", "seeded"]
    assert assay_db.gear == "rollback"


def test_an_eager_task_inside_a_transaction_of_the_test(db, add):
    db.session.add(Item(name="pending"))
    db.session.flush()
    assert add.delay("mine").get() == 3
    db.session.rollback()
    assert {item.name for item in Item.query} == {"first", "mine", "seeded"}


def test_a_worker_in_a_thread(client, celery_app, add, assay_redis):
    from celery.contrib.testing.worker import start_worker

    celery_app.conf.task_always_eager = False
    with start_worker(celery_app, perform_ping_check=False, pool="solo"):
        result = add.delay("mine")
        assert result.get(timeout=20) == 3
    celery_app.conf.task_always_eager = True
    assert client.get("/items").json == ["first", "mine", "seeded"]
"""

GEVENT_CONFTEST = """
import warnings
from gevent import monkey

with warnings.catch_warnings():
    warnings.simplefilter("ignore", monkey.MonkeyPatchWarning)
    monkey.patch_all()

import select
import psycopg2.extensions
from gevent.socket import wait_read, wait_write


def wait(connection):
    while (state := connection.poll()) != psycopg2.extensions.POLL_OK:
        (wait_read if state == psycopg2.extensions.POLL_READ else wait_write)(connection.fileno())


psycopg2.extensions.set_wait_callback(wait)
"""

GEVENT = """
import gevent
import pytest
from gevent.event import Event
from shop import Item, db as database


def work(app, number):
    with app.app_context():
        for turn in range(5):
            database.session.add(Item(name=f"{number}-{turn}"))
            database.session.commit()
            gevent.sleep(0)


@pytest.mark.parametrize("gear", [
    pytest.param(gear, marks=pytest.mark.assay(gear=gear)) for gear in ("rollback", "clone")
])
@pytest.mark.parametrize("turn", range(2))
def test_greenlets_take_turns(app, client, turn, gear):
    gevent.joinall([gevent.spawn(work, app, n) for n in range(4)], raise_error=True)
    assert len(client.get("/items").json) == 21


held = []


def test_a_greenlet_outlives_its_test(app):
    ready, go = Event(), Event()

    def late():
        with app.app_context():
            database.session.add(Item(name="late"))
            database.session.flush()
            ready.set()
            go.wait(60)
            database.session.commit()

    held.append((gevent.spawn(late), go))
    ready.wait(60)


def test_what_it_does_then_reaches_nobody(client):
    greenlet, go = held[0]
    go.set()
    greenlet.join(60)
    assert client.get("/items").json == ["seeded"]


def test_a_thread_that_begins_something_new_is_named(app):
    go = Event()

    def late():
        with app.app_context():
            Item.query.count()
            go.wait(60)
            database.session.remove()
            Item.query.count()

    held.append((gevent.spawn(late), go))
    gevent.sleep(0.2)


def test_the_one_that_it_disturbs(client):
    greenlet, go = held[1]
    go.set()
    greenlet.join(60)


def test_afterwards(client):
    assert client.get("/items").json == ["seeded"]
"""

LITE = """
from flask import Flask, jsonify, request
from flask_sqlalchemy_lite import SQLAlchemy
from sqlalchemy import select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

db = SQLAlchemy()


class Model(DeclarativeBase):
    pass


class Item(Model):
    __tablename__ = "item"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_ENGINES"] = {
        "default": "postgresql+psycopg2://prod@prod.example.invalid/shop",
        "other": "postgresql+psycopg2://prod@prod.example.invalid/shop",
    }
    db.init_app(app)

    @app.post("/items")
    def add():
        db.session.add(Item(name=request.json["name"]))
        db.session.commit()
        return jsonify(n=len(db.session.scalars(select(Item)).all()))

    @app.get("/items")
    def items():
        return jsonify(db.session.scalars(select(Item.name).order_by(Item.name)).all())

    return app


def make_schema():
    Model.metadata.create_all(db.engine)


def seed():
    db.session.add(Item(name="seeded"))
    db.session.commit()
"""

ANY_SUITE = """
import pytest
import sqlalchemy
from sqlalchemy import text
from shop import Item, create_app, db as database


@pytest.mark.parametrize("turn", range(2))
@pytest.mark.parametrize("gear", [
    pytest.param(gear, marks=pytest.mark.assay(gear=gear)) for gear in ("rollback", "clone")
])
def test_rows_are_gone_in_the_next_test(client, turn, gear):
    assert client.post("/items", json={"name": "x"}).json == {"n": 2}
    assert client.get("/items").json == ["seeded", "x"]


def test_the_apps_own_rollback(app):
    with app.app_context():
        database.session.add(Item(name="kept"))
        database.session.commit()
        database.session.add(Item(name="lost"))
        database.session.flush()
        database.session.rollback()
        assert [item.name for item in database.session.query(Item).order_by(Item.id)] == ["seeded", "kept"]


def test_an_error_that_is_caught(app):
    with app.app_context():
        database.session.add(Item(name="kept"))
        database.session.commit()
        database.session.add(Item(name="seeded"))
        with pytest.raises(sqlalchemy.exc.IntegrityError):
            database.session.commit()
        database.session.rollback()
        assert database.session.query(Item).count() == 2


def test_an_app_of_the_tests_own(client):
    client.post("/items", json={"name": "mine"})
    other = create_app()
    assert other.test_client().get("/items").json == ["mine", "seeded"]
    with other.app_context():
        database.session.add(Item(name="of the other"))
        database.session.commit()
    assert len(client.get("/items").json) == 3


def test_vacuum_changes_the_gear(app, assay_db):
    with app.app_context():
        engine = database.engine
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.execute(text("VACUUM item"))
    assert assay_db.gear == "clone"


def test_statements_are_counted(client, assay_queries):
    with assay_queries(exactly=1):
        client.get("/items")


def test_the_live_server(assay_live_server, client):
    import json, urllib.request
    client.post("/items", json={"name": "mine"})
    with urllib.request.urlopen(assay_live_server.url("/items")) as answer:
        assert json.load(answer) == ["mine", "seeded"]
"""
