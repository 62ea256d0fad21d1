"""The real SDKs against the stubs: good answers, refusals, silence."""

import pytest
from shop.services import mail, payments, sms, uploads

DOWN = {
    "payments": (
        lambda: payments.charge(1, 1000, "pm_card_visa"),
        ("POST", "/v1/payment_intents"),
        payments.PaymentsDownError,
    ),
    "sms": (lambda: sms.send("+15005550001", "hello"), ("POST", "/Messages"), sms.SmsDownError),
    "uploads": (
        lambda: uploads.store("key", b"content", "text/plain"),
        ("PUT", "/s3/"),
        uploads.StorageDownError,
    ),
    "mail": (
        lambda: mail.send("ada@example.com", "Hello", "text"),
        ("MAIL", "FROM"),
        mail.MailDownError,
    ),
}
each_service = pytest.mark.parametrize(("call", "route", "error"), DOWN.values(), ids=DOWN)


@pytest.fixture(autouse=True)
def context(app, stubs):
    with app.app_context():
        yield


def test_a_payment_goes_through_the_sdk(stubs):
    assert payments.charge(7, 1234, "pm_card_visa").startswith("pi_")
    (call,) = stubs.calls("POST", "/v1/payment_intents")
    assert call.headers["Authorization"] == "Bearer sk_test_shop"
    assert b"amount=1234&currency=eur" in call.body


def test_a_declined_payment_says_what_the_bank_said(stubs):
    body = {"error": {"type": "card_error", "code": "card_declined", "message": "Ask your bank."}}
    stubs.script("POST", "/v1/payment_intents", status=402, body=body)
    with pytest.raises(payments.DeclinedError, match="Ask your bank"):
        payments.charge(7, 1234, "pm_card_visa")


def test_a_text_goes_through_the_sdk(stubs):
    assert sms.send("+15005550001", "hello").startswith("SM")
    (call,) = stubs.calls("POST", "/2010-04-01/Accounts/ACshop/Messages.json")
    assert b"To=%2B15005550001" in call.body


def test_a_file_goes_through_the_sdk(stubs):
    uploads.store("notes/a.txt", b"content", "text/plain")
    (call,) = stubs.calls("PUT", "/s3/shop/notes/a.txt")
    assert b"content" in call.body


def test_a_mail_arrives_as_it_was_sent(stubs):
    mail.send("ada@example.com", "Grüße", "first line\n.\nline after a dot")
    (text,) = stubs.mails
    assert "To: ada@example.com" in text
    assert "first line" in text


@each_service
def test_a_service_in_trouble_is_reported_as_down(stubs, call, route, error):
    stubs.script(*route, status=503)
    with pytest.raises(error):
        call()


@each_service
def test_a_service_that_does_not_answer_is_given_up(stubs, call, route, error):
    """Who waited long enough would get a good answer, and no error to catch here."""
    stubs.script(*route, delay_s=20)
    with pytest.raises(error):
        call()


@each_service
def test_a_service_that_is_gone_is_reported_as_down(app, monkeypatch, call, route, error):
    monkeypatch.setitem(app.extensions, "shop_clients", {})
    for name in ("PAYMENTS_URL", "SMS_URL", "S3_URL"):
        monkeypatch.setitem(app.config, name, "http://127.0.0.1:9")
    monkeypatch.setitem(app.config, "MAIL_URL", "smtp://127.0.0.1:9")
    with pytest.raises(error):
        call()


def test_a_client_is_made_once_and_keeps_its_connection(stubs):
    for number in range(3):
        payments.charge(number, 100, "pm_card_visa")
    ports = {call.client_port for call in stubs.calls("POST", "/v1/payment_intents")}
    assert len(ports) == 1
