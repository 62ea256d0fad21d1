"""What a cache must not do: show what is no longer true, or what is another's."""

import threading

import pytest
from factories import ItemFactory, ProductFactory, UserFactory
from flask import jsonify
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from shop.caching import cached_response, changed
from shop.extensions import cache


def test_a_second_read_asks_no_database(client, assay_queries):
    item = ItemFactory()
    first = client.get(f"/items/{item.id}")
    with assay_queries(exactly=0):
        second = client.get(f"/items/{item.id}")
    assert second.data == first.data


@pytest.mark.parametrize("path", ["/items", "/items?limit=5"])
def test_a_new_item_is_in_the_next_list(client, path):
    client.get(path)
    client.post("/items", json={"name": "umbrella"})
    assert [item["name"] for item in client.get(path).json["items"]] == ["umbrella"]


def test_a_rename_shows_in_every_list_at_once(client):
    item = ItemFactory()
    paths = ["/items", "/items?limit=1", f"/items/{item.id}"]
    for path in paths:
        client.get(path)
    client.put(f"/items/{item.id}", json={"name": "parasol"})
    assert all(b"parasol" in client.get(path).data for path in paths)


def test_a_price_change_shows_in_every_page_of_the_product(client, log_in):
    product = ProductFactory(price_cents=1000)
    paths = ["/", "/products", f"/products/{product.id}", f"/p/{product.id}", "/search?q=lamp"]
    for path in paths:
        client.get(path)
    staff = log_in(UserFactory(is_staff=True))
    staff.put(f"/products/{product.id}", json={"name": "Lamp", "price_cents": 777})
    for path in paths:
        body = client.get(path).text
        assert "777" in body or "7.77" in body


def test_a_write_during_a_read_is_not_lost(app, monkeypatch):
    """The reader builds from old data, then the writer commits, then the reader stores."""

    def build_slowly():
        changed("scope")
        return jsonify("old")

    with app.test_request_context():
        cached_response("key", ["scope"], build_slowly)
        assert cached_response("key", ["scope"], lambda: jsonify("new")).json == "new"


def test_an_error_is_never_cached(client):
    assert client.get("/products/1").status_code == 404
    ProductFactory(id=1)
    assert client.get("/products/1").status_code == 200


def test_the_answer_is_the_same_for_everybody(client, buyer):
    product = ProductFactory()
    path = f"/products/{product.id}"
    assert buyer.get(path).data == client.get(path).data


def test_a_browser_that_has_the_page_gets_304(client):
    item = ItemFactory()
    first = client.get(f"/items/{item.id}")
    assert first.headers["Cache-Control"] == "public, max-age=0, must-revalidate"
    known = {"If-None-Match": first.headers["ETag"]}
    again = client.get(f"/items/{item.id}", headers=known)
    assert (again.status_code, again.data) == (304, b"")
    client.put(f"/items/{item.id}", json={"name": "parasol"})
    assert client.get(f"/items/{item.id}", headers=known).status_code == 200


def test_a_hit_is_one_round_trip(client, monkeypatch):
    item = ItemFactory()
    client.get(f"/items/{item.id}")
    asked = []
    execute = Redis.execute_command
    monkeypatch.setattr(
        Redis, "execute_command", lambda *args, **kw: asked.append(args[1]) or execute(*args, **kw)
    )
    client.get(f"/items/{item.id}")
    assert asked == ["MGET"]


def test_the_shop_works_without_a_cache(app, client, monkeypatch):
    item = ItemFactory()

    def down(*args, **kwargs):
        raise RedisConnectionError("down")

    for name in ("get_many", "set_many", "set", "get"):
        monkeypatch.setattr(cache.cache, name, down)
    assert client.get(f"/items/{item.id}").status_code == 200
    assert client.put(f"/items/{item.id}", json={"name": "parasol"}).status_code == 200
    assert client.get(f"/items/{item.id}").json["name"] == "parasol"
    assert client.get("/healthz").json == {"cache": False, "database": True}


def test_many_readers_at_once_all_get_the_page(app):
    item = ItemFactory()
    answers = []
    readers = [
        threading.Thread(
            target=lambda: answers.append(app.test_client().get(f"/items/{item.id}").json)
        )
        for _ in range(8)
    ]
    for reader in readers:
        reader.start()
    for reader in readers:
        reader.join(10)
    assert [answer["id"] for answer in answers] == [item.id] * 8
