"""Stand-ins for payments, SMS, S3 and mail, on loopback, with scripted latency and errors.

As a hook or in a shell, by environment variables::

    with start() as variables:
        os.environ.update(variables)

In tests, with the stub in hand::

    with Stubs() as stubs:
        stubs.script("POST", "/v1/payment_intents", status=402, body={...})
        ...
        assert stubs.calls("POST", "/v1/payment_intents")

From another process: POST /_script with the same fields as JSON, GET /_calls.
"""

from shop.stubs.calls import Call, Reply
from shop.stubs.server import Stubs, start

__all__ = ["Call", "Reply", "Stubs", "start"]
