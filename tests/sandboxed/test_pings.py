"""Gears that change under a pool that pings."""

import pytest
from tests.sandboxed.shop import Item
from tests.sandboxed.shop import db as database


@pytest.fixture(scope="session")
def app():
    from flask import Flask

    app = Flask("pinged")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://prod@prod.example.invalid/shop"
    app.config["SQLALCHEMY_ENGINE_OPTIONS"] = {"pool_pre_ping": True}
    database.init_app(app)
    yield app


def names(app):
    with app.app_context():
        return [item.name for item in Item.query.order_by(Item.name)]


GEARS = [pytest.param(gear, marks=pytest.mark.assay(gear=gear)) for gear in ("rollback", "clone")]


@pytest.mark.parametrize("gear", GEARS * 2)
def test_gears_take_turns(app, request, assay_db, gear):
    assert names(app) == ["seeded"]
    with app.app_context():
        database.session.add(Item(name="mine"))
        database.session.commit()
    assert names(app) == ["mine", "seeded"]


def test_a_ping_is_no_statement_of_the_app(app, assay_queries):
    names(app)
    with assay_queries(exactly=1):
        names(app)
