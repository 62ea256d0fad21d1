"""A suite whose app and seed need Redis."""

SEED = """
import redis
import shop

store = redis.Redis.from_url("redis://:secret@redis.example.invalid:6379/3")


def create_app():
    assert store.ping()
    return shop.create_app()


def seed():
    shop.seed()
    store.set("stock", 5)
    store.hset("prices", mapping={"lamp": 3})
    store.set("soon", 1, ex=1000)
    redis.Redis().set("other", "database")
"""

SUITE = """
import pytest
from with_redis import store


@pytest.mark.parametrize("turn", range(2))
def test_it_is_as_the_seed_left_it(client, turn):
    assert client.get("/items").json == ["seeded"]
    assert store.get("stock") == b"5"
    assert store.hgetall("prices") == {b"lamp": b"3"}
    assert 900 < store.ttl("soon") <= 1000
    store.decr("stock")
    store.delete("prices")
    store.set("mine", 1)


def test_databases_are_kept_apart(assay_redis):
    assert assay_redis.keys() == [b"other"]
    assert sorted(store.keys()) == [b"prices", b"soon", b"stock"]
"""
