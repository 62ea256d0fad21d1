"""Factories of factory_boy."""

import factory
from factory.alchemy import SQLAlchemyModelFactory
from tests.sandboxed.shop import Item, Order
from tests.sandboxed.shop import db as database


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
    assert made.id == 2
    assert client.get("/items").json == ["mine", "seeded"]


def test_in_the_tests_own_context(db, client):
    made = ItemFactory(name="mine")
    assert made in db.session
    with database.engine.connect() as other:
        assert other.execute(db.select(Item.name)).scalars().all() == ["seeded", "mine"]


def test_with_what_belongs_to_it(client):
    order = OrderFactory(item__name="mine")
    assert (order.id, order.item_id, order.item.name) == (1, 2, "mine")
    assert client.get("/items").json == ["mine", "seeded"]


def test_many(client):
    assert [item.id for item in ItemFactory.create_batch(3)] == [2, 3, 4]
    assert len(client.get("/items").json) == 4


def test_one_that_is_only_built(client):
    assert ItemFactory.build().id is None
    assert client.get("/items").json == ["seeded"]


def test_a_session_of_the_suites_own_needs_no_context_either(client):
    assert BoundFactory(name="mine").id == 2
    assert client.get("/items").json == ["mine", "seeded"]


def test_a_session_of_the_suites_own_stays_the_suites_business(db, client):
    BoundFactory(name="mine")
    db.session.rollback()
    assert client.get("/items").json == ["seeded"]
