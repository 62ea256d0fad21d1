import pytest
from factories import BasketLineFactory, ProductFactory, UserFactory
from shop.services import basket

# Each table counts from elsewhere, so that the id of a user is never that of a product, too.
pytestmark = pytest.mark.assay(ids="random")


def test_a_basket_shows_lines_and_total(buyer):
    lamp, torch = (ProductFactory(price_cents=price) for price in (1000, 250))
    buyer.put(f"/basket/{lamp.id}", json={"quantity": 1})
    buyer.put(f"/basket/{torch.id}", json={"quantity": 3})
    shown = buyer.get("/basket").json
    assert [(line["name"], line["quantity"]) for line in shown["lines"]] == [
        (lamp.name, 1),
        (torch.name, 3),
    ]
    assert shown["total_cents"] == 1750


def test_putting_twice_sets_the_quantity(buyer):
    lamp = ProductFactory()
    for quantity in (2, 5):
        buyer.put(f"/basket/{lamp.id}", json={"quantity": quantity})
    assert [line["quantity"] for line in buyer.get("/basket").json["lines"]] == [5]


def test_a_removed_product_is_gone(buyer):
    lamp = ProductFactory()
    buyer.put(f"/basket/{lamp.id}", json={"quantity": 1})
    assert buyer.delete(f"/basket/{lamp.id}").status_code == 204
    assert buyer.delete(f"/basket/{lamp.id}").status_code == 404
    assert buyer.get("/basket").json == {"lines": [], "total_cents": 0}


def test_baskets_of_others_stay_unseen(buyer, log_in):
    lamp = ProductFactory()
    buyer.put(f"/basket/{lamp.id}", json={"quantity": 1})
    other = log_in(UserFactory())
    assert other.get("/basket").json["lines"] == []
    assert other.delete(f"/basket/{lamp.id}").status_code == 404


def test_ids_of_users_and_products_differ(user):
    assert ProductFactory().id != user.id


def test_a_basket_needs_a_login(client):
    assert client.get("/basket").status_code == 401
    assert client.put("/basket/1", json={"quantity": 1}).status_code == 401
    assert client.delete("/basket/1").status_code == 401


@pytest.mark.parametrize("quantity", [0, -1, 100, 1.5, "1", None, True])
def test_a_quantity_is_a_small_number(buyer, quantity):
    lamp = ProductFactory()
    assert buyer.put(f"/basket/{lamp.id}", json={"quantity": quantity}).status_code == 400


def test_an_unknown_product_does_not_go_into_the_basket(buyer):
    assert buyer.put("/basket/1", json={"quantity": 1}).status_code == 404


def test_a_basket_has_a_limit(buyer, user, monkeypatch):
    monkeypatch.setattr(basket, "MAX_LINES", 2)
    products = ProductFactory.create_batch(3)
    for product in products[:2]:
        BasketLineFactory(user_id=user.id, product_id=product.id)
    refused = buyer.put(f"/basket/{products[2].id}", json={"quantity": 1})
    assert refused.status_code == 409
    assert buyer.put(f"/basket/{products[0].id}", json={"quantity": 9}).status_code == 200
