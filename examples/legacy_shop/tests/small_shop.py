"""The rows that every test begins with."""

from legacy_shop.seeds import seed as seed_shop

SCALE = 0.05


def seed():
    seed_shop(SCALE)
