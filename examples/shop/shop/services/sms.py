"""Text messages through the Twilio SDK."""

from flask import current_app
from requests import RequestException
from twilio.base.exceptions import TwilioException
from twilio.http.http_client import TwilioHttpClient
from twilio.rest import Client

from shop.services.clients import client


class SmsDownError(Exception):
    """The message was not taken. Try again later."""


def send(to: str, text: str) -> str:
    """Return the message's id.

    Raises:
        SmsDownError: The message was refused, or nobody answered.
    """
    try:
        message = _twilio().messages.create(to=to, from_=current_app.config["SMS_FROM"], body=text)
    except (TwilioException, RequestException) as error:
        raise SmsDownError(str(error)) from error
    return message.sid


def _twilio() -> Client:
    return client("sms", _make)


def _make() -> Client:
    config = current_app.config
    http_client = TwilioHttpClient(timeout=config["SDK_TIMEOUT_S"])
    twilio = Client(config["SMS_ACCOUNT"], config["SMS_TOKEN"], http_client=http_client)
    twilio.api.base_url = config["SMS_URL"]
    return twilio
