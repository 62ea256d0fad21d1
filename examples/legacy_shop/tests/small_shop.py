"""The rows that every test begins with."""

from unittest import mock

from legacy_shop.extensions import redis_store
from legacy_shop.seeds import seed as seed_shop

SCALE = 0.05


def seed():
    """Fill the tables. What belongs into Redis is not kept with them: a fixture puts it there."""
    with mock.patch.object(redis_store, "client"):
        seed_shop(SCALE)
