"""Tasks: run twice without harm, try again when a service is down, hold nothing while waiting."""

import pytest
from factories import OrderFactory, UserFactory
from shop import db
from shop.models import Order
from shop.services import payments
from shop.tasks import pay_order, send_receipt, send_text, send_welcome


@pytest.fixture
def order(user) -> Order:
    return OrderFactory(user_id=user.id)


@pytest.fixture
def status(app, order):
    def status() -> str:
        with app.app_context():
            return db.session.get(Order, order.id).status

    return status


def test_a_task_that_runs_twice_charges_once(run, stubs, order, status, assay_mail):
    for _ in range(2):
        assert run(pay_order, order.id).successful()
    assert status() == "paid"
    assert len(stubs.calls("POST", "/v1/payment_intents")) == 1
    assert len(assay_mail) == 1


def test_a_payment_is_tried_again_until_the_service_is_back(run, stubs, order, status):
    stubs.script("POST", "/v1/payment_intents", status=500, times=2)
    assert run(pay_order, order.id).successful()
    assert status() == "paid"
    keys = {call.headers["Idempotency-Key"] for call in stubs.calls("POST", "/v1/payment_intents")}
    assert keys == {f"order-{order.id}"}


def test_an_order_stays_pending_when_all_tries_failed(run, stubs, order, status):
    stubs.script("POST", "/v1/payment_intents", status=500)
    result = run(pay_order, order.id)
    assert isinstance(result.result, payments.PaymentsDownError)
    assert len(stubs.calls("POST", "/v1/payment_intents")) == 1 + pay_order.max_retries
    assert status() == "pending"


def test_no_connection_is_held_while_the_bank_thinks(run, app, stubs, order, monkeypatch):
    held = []
    with app.app_context():
        pool = db.engine.pool
    charge = payments.charge
    monkeypatch.setattr(
        payments, "charge", lambda *args: held.append(pool.checkedout()) or charge(*args)
    )
    assert run(pay_order, order.id).successful()
    assert held == [0]


def test_a_receipt_is_mailed_even_if_the_first_try_fails(run, user, stubs, assay_mail):
    paid = OrderFactory(user_id=user.id, status="paid", paid_at=user.created_at)
    assay_mail.refuse(451, times=1)
    assert run(send_receipt, paid.id).successful()
    (receipt,) = assay_mail
    assert receipt["Subject"] == f"Your order {paid.id}"


def test_a_text_is_sent_again_if_the_first_try_fails(run, stubs, order):
    stubs.script("POST", "/Messages.json", status=503, times=1)
    assert run(send_text, order.id).successful()
    assert len(stubs.calls("POST", "/Messages.json")) == 2


def test_who_has_no_address_and_no_phone_gets_nothing(run, stubs, assay_mail):
    silent = UserFactory(email=None, phone=None)
    paid = OrderFactory(user_id=silent.id, status="paid", paid_at=silent.created_at)
    for task, number in ((send_receipt, paid.id), (send_text, paid.id), (send_welcome, silent.id)):
        assert run(task, number).successful()
    assert assay_mail == []
    assert stubs.calls("POST", "/Messages.json") == []


@pytest.mark.parametrize("task", [pay_order, send_receipt, send_text, send_welcome])
def test_a_task_for_a_row_that_is_gone_does_nothing(run, app, stubs, task):
    assert run(task, 999).successful()
    assert stubs.calls("POST", "/") == []
