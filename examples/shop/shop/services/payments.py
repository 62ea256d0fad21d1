"""Payments through the Stripe SDK."""

import stripe
from flask import current_app

from shop.services.clients import client

CURRENCY = "eur"


class DeclinedError(Exception):
    """The bank said no. Trying again does not help."""


class PaymentsDownError(Exception):
    """The service gave no answer, or one about its own trouble. Try again later."""


def charge(order_id: int, amount_cents: int, payment_method: str) -> str:
    """Return the payment's id. The order's id makes a second try safe.

    Raises:
        DeclinedError, PaymentsDownError: Nothing was charged, as far as is known.
    """
    try:
        intent = _stripe().v1.payment_intents.create(
            {
                "amount": amount_cents,
                "currency": CURRENCY,
                "payment_method": payment_method,
                "confirm": True,
                "metadata": {"order_id": str(order_id)},
            },
            {"idempotency_key": f"order-{order_id}"},
        )
    except stripe.CardError as error:
        raise DeclinedError(error.user_message) from error
    except stripe.StripeError as error:
        raise PaymentsDownError(str(error)) from error
    return intent.id


def _stripe() -> stripe.StripeClient:
    return client("payments", _make)


def _make() -> stripe.StripeClient:
    config = current_app.config
    return stripe.StripeClient(
        config["PAYMENTS_KEY"],
        base_addresses={"api": config["PAYMENTS_URL"]},
        http_client=stripe.RequestsClient(timeout=config["SDK_TIMEOUT_S"]),
        max_network_retries=config["SDK_RETRIES"],
    )
