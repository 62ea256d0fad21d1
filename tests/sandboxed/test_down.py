"""Servers that are gone."""

import platform

import pytest
from sqlalchemy.exc import OperationalError
from tests.sandboxed.shop import Item


def test_a_database_that_is_gone(app, assay_db):
    with app.app_context():
        assert Item.query.count() == 1
    with (
        assay_db.down(),
        app.app_context(),
        pytest.raises(OperationalError, match="connection refused"),
    ):
        Item.query.count()
    with app.app_context():
        assert Item.query.count() == 1


def test_mail_that_is_refused(assay_mail):
    import smtplib

    assay_mail.refuse(550, times=2)

    def send():
        with smtplib.SMTP("mail.example.invalid") as client:
            client.sendmail("a@example.com", ["b@example.com"], b"Subject: hi\r\n\r\nbody")

    for _ in range(2):
        with pytest.raises(smtplib.SMTPSenderRefused, match="550"):
            send()
    send()
    assert [message["Subject"] for message in assay_mail] == ["hi"]


def test_a_code_that_refuses_nothing(assay_mail):
    with pytest.raises(ValueError, match="codes of refusals are 400 to 599"):
        assay_mail.refuse(250)


def test_looking_up_the_machine_is_no_doubt(pytestconfig, client):
    assert client.get("/items").json == ["seeded"]
    platform._uname_cache = None
    assert platform.uname().processor is not None
    host = pytestconfig.pluginmanager.get_plugin("flask-assay-isolation")
    assert host.sandbox._current.journal.signals == []
