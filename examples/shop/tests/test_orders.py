import threading

import pytest
from factories import (
    BasketLineFactory,
    OrderFactory,
    OrderLineFactory,
    ProductFactory,
    UserFactory,
)
from kombu.exceptions import OperationalError
from shop import db
from shop.models import Product
from shop.services import orders
from shop.tasks import pay_order, requeue_orders


@pytest.fixture
def lamp(user):
    """A product, two of it in the user's basket."""
    lamp = ProductFactory(price_cents=1500, stock=5)
    BasketLineFactory(user_id=user.id, product_id=lamp.id, quantity=2)
    return lamp


def stock_of(app, product) -> int:
    with app.app_context():
        return db.session.get(Product, product.id).stock


def test_a_checkout_makes_an_order_and_empties_the_basket(app, buyer, lamp):
    answer = buyer.post("/checkout", json={})
    assert answer.status_code == 201
    assert answer.json["total_cents"] == 3000
    assert buyer.get("/basket").json["lines"] == []
    assert stock_of(app, lamp) == 3
    order = buyer.get(answer.headers["Location"]).json
    assert order["status"] == "paid"
    assert order["lines"] == [
        {"product_id": lamp.id, "name": lamp.name, "quantity": 2, "price_cents": 1500}
    ]


def test_the_buyer_is_charged_told_and_sent_a_receipt(buyer, user, lamp, stubs, assay_mail):
    order_id = buyer.post("/checkout", json={"payment_method": "pm_card_visa"}).json["id"]
    (charge,) = stubs.calls("POST", "/v1/payment_intents")
    assert b"amount=3000" in charge.body
    assert charge.headers["Idempotency-Key"] == f"order-{order_id}"
    (receipt,) = assay_mail
    assert receipt["Subject"] == f"Your order {order_id}"
    (text,) = stubs.calls("POST", "/Messages.json")
    assert user.username.encode() in text.body
    (stored,) = stubs.calls("PUT", f"/s3/shop/receipts/{order_id}.txt")
    assert b"15.00" in stored.body


def test_a_declined_card_declines_the_order_and_puts_the_goods_back(
    app, buyer, lamp, stubs, assay_mail
):
    declined = {"error": {"type": "card_error", "code": "card_declined", "message": "No."}}
    stubs.script("POST", "/v1/payment_intents", status=402, body=declined)
    path = buyer.post("/checkout", json={}).headers["Location"]
    assert buyer.get(path).json["status"] == "declined"
    assert stock_of(app, lamp) == 5
    assert assay_mail == []


def test_an_order_outlives_a_broker_that_is_down(app, run, buyer, lamp, monkeypatch):
    def down(*args):
        raise OperationalError("down")

    with monkeypatch.context() as patch:
        patch.setattr(app.extensions["celery"].tasks[pay_order.name], "delay", down)
        path = buyer.post("/checkout", json={}).headers["Location"]
    assert buyer.get(path).json["status"] == "pending"
    assert run(requeue_orders).successful()
    assert buyer.get(path).json["status"] == "paid"


def test_an_empty_basket_buys_nothing(buyer):
    assert buyer.post("/checkout", json={}).status_code == 409


def test_what_is_not_in_stock_is_not_sold(app, buyer, user, lamp):
    rare = ProductFactory(stock=1)
    BasketLineFactory(user_id=user.id, product_id=rare.id, quantity=2)
    refused = buyer.post("/checkout", json={})
    assert refused.status_code == 409
    assert str(rare.id) in refused.json["error"]["message"]
    assert (stock_of(app, lamp), stock_of(app, rare)) == (5, 1)
    assert len(buyer.get("/basket").json["lines"]) == 2


def test_a_product_that_sells_out_says_so_at_the_next_read(client, buyer, user):
    last = ProductFactory(stock=1)
    BasketLineFactory(user_id=user.id, product_id=last.id)
    assert client.get(f"/products/{last.id}").json["in_stock"] is True
    buyer.post("/checkout", json={})
    assert client.get(f"/products/{last.id}").json["in_stock"] is False
    assert "sold out" in client.get(f"/p/{last.id}").text


@pytest.mark.assay(gear="clone")  # one waits for the other: two real transactions
def test_two_buyers_cannot_both_have_the_last_one(app, log_in):
    last = ProductFactory(stock=1)
    buyers = []
    for user in UserFactory.create_batch(2):
        BasketLineFactory(user_id=user.id, product_id=last.id)
        buyers.append(log_in(user))
    start, statuses = threading.Barrier(2), []

    def buy(buyer):
        start.wait(10)
        statuses.append(buyer.post("/checkout", json={}).status_code)

    threads = [threading.Thread(target=buy, args=(buyer,)) for buyer in buyers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    assert sorted(statuses) == [201, 409]
    assert stock_of(app, last) == 0


def test_only_one_of_two_workers_settles_an_order(app, user):
    order = OrderFactory(user_id=user.id)
    with app.app_context():
        assert orders.mark_paid(order.id, "pi_1") is True
        assert orders.mark_paid(order.id, "pi_2") is False
        assert orders.mark_declined(order.id) is False


def test_orders_are_listed_newest_first_page_by_page(buyer, user):
    made = [OrderFactory(user_id=user.id).id for _ in range(3)]
    OrderFactory(user_id=UserFactory().id)
    first = buyer.get("/orders?limit=2").json
    second = buyer.get(f"/orders?limit=2&before={first['next']}").json
    assert [order["id"] for order in first["orders"] + second["orders"]] == made[::-1]
    assert second["next"] is None


def test_an_order_of_somebody_else_is_not_found(buyer):
    order = OrderFactory(user_id=UserFactory().id)
    assert buyer.get(f"/orders/{order.id}").status_code == 404
    assert buyer.get(f"/orders/{order.id}/receipt").status_code == 404


def test_an_order_needs_as_many_statements_for_20_lines_as_for_1(buyer, user, assay_queries):
    counts = []
    for length in (1, 20):
        lines = OrderLineFactory.build_batch(length)
        order = OrderFactory(user_id=user.id, lines=lines)
        with assay_queries:
            assert len(buyer.get(f"/orders/{order.id}").json["lines"]) == length
        counts.append(assay_queries.count)
    assert counts == [3, 3]  # who asks, the order, its lines with their products


def test_a_receipt_is_a_signed_link_made_without_a_call(buyer, user, lamp, stubs):
    unpaid = OrderFactory(user_id=user.id)
    assert buyer.get(f"/orders/{unpaid.id}/receipt").status_code == 409
    paid = buyer.post("/checkout", json={}).headers["Location"]
    before = len(stubs.calls("GET", "/"))
    link = buyer.get(f"{paid}/receipt")
    assert link.status_code == 303
    assert "X-Amz-Signature=" in link.headers["Location"]
    assert len(stubs.calls("GET", "/")) == before


def test_orders_need_a_login(client):
    for path in ("/orders", "/orders/1", "/orders/1/receipt"):
        assert client.get(path).status_code == 401
    assert client.post("/checkout", json={}).status_code == 401
