"""Migrations and models have to say the same, in both directions."""

import flask_migrate
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from factories import ProductFactory
from shop import db
from sqlalchemy import inspect, text


@pytest.fixture
def migrated(app):
    """An app context that leaves the newest schema behind, whatever a test did."""
    with app.app_context():
        yield
        flask_migrate.upgrade()


def differences() -> list:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return compare_metadata(context, db.metadata)


def table_names() -> set[str]:
    return set(inspect(db.engine).get_table_names()) - {"alembic_version"}


def test_the_newest_migration_makes_what_the_models_say(migrated):
    assert differences() == []


def test_a_column_that_no_migration_makes_is_noticed(migrated):
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE items ADD COLUMN forgotten int"))
    assert differences()
    with db.engine.begin() as connection:
        connection.execute(text("ALTER TABLE items DROP COLUMN forgotten"))


def test_every_migration_can_be_undone_and_done_again(migrated):
    flask_migrate.downgrade(revision="base")
    assert table_names() == set()
    flask_migrate.upgrade()
    assert differences() == []


def test_a_migration_keeps_the_rows(migrated, client):
    flask_migrate.downgrade(revision="0001")
    with db.engine.begin() as connection:
        connection.execute(text("INSERT INTO categories (name, slug) VALUES ('Lamps', 'lamps')"))
        connection.execute(
            text(
                "INSERT INTO products (category_id, name, description, price_cents, stock,"
                " rating_sum, rating_count, created_at)"
                " SELECT id, 'Old lantern', 'Made before the search.', 1, 1, 0, 0, now()"
                " FROM categories"
            )
        )
    flask_migrate.upgrade()
    assert [p["name"] for p in client.get("/search?q=lantern").json["products"]] == ["Old lantern"]


def test_every_foreign_key_has_an_index(migrated):
    """Else a delete of the parent, and each look-up by it, reads the whole table."""
    inspector = inspect(db.engine)
    missing = []
    for table in table_names():
        covered = [index["column_names"] for index in inspector.get_indexes(table)]
        covered.append(inspector.get_pk_constraint(table)["constrained_columns"])
        for key in inspector.get_foreign_keys(table):
            columns = key["constrained_columns"]
            if not any(index[: len(columns)] == columns for index in covered):
                missing.append((table, columns))
    assert missing == []


def test_the_database_refuses_what_the_app_forbids(app):
    with pytest.raises(Exception, match="ck_products_stock_not_negative"):
        ProductFactory(stock=-1)
    with app.app_context():
        db.session.rollback()
