"""The sandbox for ``unittest``, with or without pytest.

::

    class OrderTest(AssayTestCase):
        assay_app = "shop:create_app"

        def test_an_order(self):
            self.client.post("/orders", json={"item": 1})
"""

from flask_assay.unittest.case import AssayTestCase

__all__ = ["AssayTestCase"]
