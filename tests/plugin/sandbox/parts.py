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


@pytest.mark.assay(ids="big")
def test_a_word_that_is_unknown():
    pass
"""

SHOP_EVENTS = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event

db = SQLAlchemy()


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50), nullable=False)
    made_at = db.Column(db.DateTime(timezone=True), server_default=db.func.now())
    due = db.Column(db.Date, server_default=db.text("(CURRENT_DATE + 7)"))


class Order(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    item_id = db.Column(db.ForeignKey("item.id"), nullable=False)
    item = db.relationship(Item)


def create_app():
    app = Flask(__name__)
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://prod@prod.example.invalid/shop"
    db.init_app(app)

    @app.post("/items/<name>")
    def add(name):
        item = Item(name=name)
        db.session.add(item)
        event.listen(db.session(), "after_commit", lambda session: tell(name), once=True)
        db.session.commit()
        return {"made_at": item.made_at.isoformat(), "due": item.due.isoformat()}

    @app.get("/items")
    def items():
        return [item.name for item in db.session.query(Item).order_by(Item.name)]

    return app


told = []


def tell(name):
    told.append(name)


def count(session):
    told.append("counted")


event.listen(db.session, "after_commit", count)


def seed():
    pass
"""

COMMITS = """
import pytest
import shop


@pytest.fixture(autouse=True)
def fresh():
    shop.told.clear()


def test_hooks_are_named_and_run(client, assay_on_commit):
    client.post("/items/a")
    assert assay_on_commit.names == ["shop.count", "shop.create_app.<locals>.add.<locals>.<lambda>"]
    assert shop.told == ["counted", "a"]


def test_hooks_are_held_back(client, assay_on_commit):
    with assay_on_commit.held():
        client.post("/items/a")
    assert shop.told == []
    client.post("/items/b")
    assert shop.told == ["counted", "b"]
    for hook in assay_on_commit[:2]:
        hook.run()
    assert shop.told == ["counted", "b", "counted", "a"]


def test_a_rollback_sets_nothing_off(db, assay_on_commit):
    db.session.add(shop.Item(name="gone"))
    db.session.flush()
    db.session.rollback()
    assert assay_on_commit == []


def test_without_the_fixture_nothing_changes(client):
    client.post("/items/a")
    assert shop.told == ["counted", "a"]
"""

FACTORIES = """
import factory
from factory.alchemy import SQLAlchemyModelFactory
from shop import Item, Order, db as database


class ItemFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Item

    name = factory.Sequence(lambda n: f"item {n}")


class OrderFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Order

    item = factory.SubFactory(ItemFactory)


class BoundFactory(ItemFactory):
    class Meta:
        model = Item
        sqlalchemy_session = database.session
        sqlalchemy_session_persistence = "flush"


def test_without_a_session_and_without_a_context(client):
    made = ItemFactory(name="mine")
    assert made.id == 1
    assert client.get("/items").json == ["mine"]


def test_in_the_tests_own_context(db, client):
    made = ItemFactory(name="mine")
    assert made in db.session
    with database.engine.connect() as other:
        assert other.execute(db.select(Item.name)).scalars().all() == ["mine"]


def test_with_what_belongs_to_it(client):
    order = OrderFactory(item__name="mine")
    assert (order.id, order.item_id, order.item.name) == (1, 1, "mine")
    assert client.get("/items").json == ["mine"]


def test_many(client):
    assert [item.id for item in ItemFactory.create_batch(3)] == [1, 2, 3]
    assert len(client.get("/items").json) == 3


def test_one_that_is_only_built(client):
    assert ItemFactory.build().id is None
    assert client.get("/items").json == []


def test_a_session_of_the_suites_own_needs_no_context_either(client):
    assert BoundFactory(name="mine").id == 1
    assert client.get("/items").json == ["mine"]


def test_a_session_of_the_suites_own_stays_the_suites_business(db, client):
    made = BoundFactory(name="mine")
    db.session.rollback()
    assert client.get("/items").json == []
"""

CLOCK = """
from datetime import UTC, datetime, timedelta
import freezegun
import pytest
import time_machine
from sqlalchemy import text
from shop import Item, db as database

THEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
freeze = pytest.mark.parametrize(
    "freeze",
    [freezegun.freeze_time, lambda when: time_machine.travel(when, tick=False)],
    ids=["freezegun", "time-machine"],
)
now = datetime.now


@freeze
@pytest.mark.parametrize("gear", [
    pytest.param(gear, marks=pytest.mark.assay(gear=gear)) for gear in ("rollback", "clone")
])
def test_defaults_follow(client, freeze, gear):
    for when in (THEN, THEN + timedelta(days=1)):
        with freeze(when):
            made = client.post("/items/frozen").json
        assert datetime.fromisoformat(made["made_at"]) == when
        assert made["due"] == f"2030-01-{(when + timedelta(days=7)).day:02}"
    assert not client.post("/items/today").json["made_at"].startswith("2030")


@freeze
def test_statements_follow(db, freeze):
    query = text(
        "select now() as a, CURRENT_TIMESTAMP(3) as b, current_date as c, 'now()' as d,"
        " pg_catalog.clock_timestamp() - interval '1 day' as e -- now()"
    )
    with freeze(THEN):
        row = db.session.execute(query).one()
        assert db.session.scalar(db.select(db.func.now())) == THEN
    assert (row.a, row.b) == (THEN, THEN)
    assert (row.c, row.d, row.e) == (THEN.date(), "now()", THEN - timedelta(days=1))
    assert db.session.execute(query).one().a != THEN


@freeze
def test_what_is_sent_for_it_is_not_counted(client, freeze, assay_queries):
    with freeze(THEN), assay_queries(exactly=2):
        client.post("/items/frozen")


def test_a_clock_that_ticks(db):
    with time_machine.travel(THEN):
        first = db.session.scalar(db.select(db.func.now()))
    assert THEN <= first < THEN + timedelta(minutes=5)


def test_the_catalog_is_as_before(db):
    defaults = text(
        "select pg_get_expr(adbin, adrelid) from pg_attrdef join pg_class c on c.oid = adrelid"
        " where relname in ('item', 'order') order by 1"
    )
    assert db.session.scalars(defaults).all() == [
        "(CURRENT_DATE + 7)", "nextval('item_id_seq'::regclass)",
        "nextval('order_id_seq'::regclass)", "now()",
    ]
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
