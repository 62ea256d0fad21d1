import pytest
from factories import ItemFactory


def test_an_item_is_posted_read_and_renamed(client):
    created = client.post("/items", json={"name": "umbrella"})
    assert created.status_code == 201
    path = f"/items/{created.json['id']}"
    assert created.headers["Location"] == path
    assert client.get(path).json["name"] == "umbrella"
    assert client.put(path, json={"name": "parasol"}).json["name"] == "parasol"
    assert client.get(path).json["name"] == "parasol"


def test_pages_follow_one_another_without_gap_or_repeat(client):
    made = [item.id for item in ItemFactory.create_batch(7)]
    seen, path = [], "/items?limit=3"
    while path:
        page = client.get(path).json
        assert len(page["items"]) <= 3
        seen += [item["id"] for item in page["items"]]
        path = page["next"] and f"/items?limit=3&after={page['next']}"
    assert seen == made


def test_a_page_has_at_most_100_items(client):
    ItemFactory.create_batch(101)
    assert len(client.get("/items?limit=1000").json["items"]) == 100
    assert len(client.get("/items").json["items"]) == 20


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "after=-1", "after=9999999999", "limit="])
def test_a_bad_page_is_refused(client, query):
    assert client.get(f"/items?{query}").status_code == 400


def test_an_unknown_item_is_not_found_even_twice(client):
    for _ in range(2):
        assert client.get("/items/1").status_code == 404
    assert client.put("/items/1", json={"name": "x"}).status_code == 404


@pytest.mark.assay(ids="template")  # it asks for the id that the next item gets
def test_an_item_that_was_missing_is_found_once_it_is_made(client):
    assert client.get("/items/1").status_code == 404
    assert client.post("/items", json={"name": "umbrella"}).json["id"] == 1
    assert client.get("/items/1").status_code == 200


@pytest.mark.parametrize("body", [{}, {"name": ""}, {"name": "   "}, {"name": "x" * 201}])
def test_an_item_needs_a_name(client, body):
    assert client.post("/items", json=body).status_code == 400
