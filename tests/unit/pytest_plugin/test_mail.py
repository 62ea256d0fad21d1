"""The outbox and the extensions that keep mail back while an app is under test."""

import flask_mail
import flask_mailman
import pytest
from flask import Flask

from flask_assay.pytest_plugin.resources.mail import Outbox


@pytest.fixture
def app():
    app = Flask("mailing")
    app.config.update(TESTING=True, MAIL_DEFAULT_SENDER="a@example.com")
    return app


def send_by_flask_mail(app):
    mail = flask_mail.Mail(app)
    with app.app_context():
        mail.send(flask_mail.Message("hi", recipients=["b@example.com"], body="text"))


def send_by_flask_mailman(app):
    flask_mailman.Mail(app)
    with app.app_context():
        flask_mailman.EmailMessage("hi", "text", "a@example.com", ["b@example.com"]).send()


@pytest.mark.parametrize("send", [send_by_flask_mail, send_by_flask_mailman])
def test_what_an_extension_keeps_back_is_in_the_outbox(app, send):
    with Outbox() as outbox:
        send(app)
    assert [(one["Subject"], one["To"]) for one in outbox] == [("hi", "b@example.com")]


@pytest.mark.parametrize("send", [send_by_flask_mail, send_by_flask_mailman])
def test_afterwards_it_is_kept_back_as_before(app, send):
    with Outbox() as outbox:
        pass
    send(app)
    assert outbox == []


def test_flask_mailmans_own_outbox_is_filled_as_well(app):
    mail = flask_mailman.Mail(app)
    with app.app_context(), Outbox():
        flask_mailman.EmailMessage("hi", "text", "a@example.com", ["b@example.com"]).send()
    assert [one.subject for one in mail.outbox] == ["hi"]
