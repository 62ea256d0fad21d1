"""The seeder: honest data, the same each time, fast."""

import pytest
from shop import db
from shop.models import Item, Product, Review, User
from shop.seeds import PASSWORD, seed
from sqlalchemy import distinct, func, select, text


@pytest.fixture
def seeded(app, stubs) -> dict[str, int]:
    with app.app_context():
        return seed(0.02)


def test_a_seeded_shop_works(client, seeded):
    account = {"username": "user1", "password": PASSWORD}
    assert client.post("/login", json=account).status_code == 200
    newest = client.get("/products?limit=1").json["products"][0]["id"]
    assert client.get(f"/p/{newest}").status_code == 200
    assert client.post("/items", json={"name": "after the seed"}).status_code == 201
    assert client.post("/register", json=account | {"username": "new"}).status_code == 201


def test_the_same_seed_makes_the_same_rows(app, seeded):
    def fingerprint():
        rows = select(Product.id, Product.name, Product.price_cents, Product.created_at)
        return db.session.execute(rows.order_by(Product.id)).all()

    with app.app_context():
        first = fingerprint()
        for table in reversed(db.metadata.sorted_tables):
            db.session.execute(table.delete())
        db.session.commit()
        seed(0.02)
        assert fingerprint() == first


def test_the_children_of_a_parent_belong_to_different_other_parents(app, seeded):
    """Else the identity map hides an N+1."""
    with app.app_context():
        authors = func.count(distinct(Review.user_id))
        per_product = db.session.execute(
            select(func.count(), authors).group_by(Review.product_id)
        ).all()
    assert all(reviews == users for reviews, users in per_product)
    assert max(reviews for reviews, _ in per_product) > 5


def test_there_are_both_kinds_of_users_and_gaps_in_the_data(app, seeded):
    with app.app_context():
        kinds = select(User.is_staff).distinct().order_by(User.is_staff)
        assert db.session.scalars(kinds).all() == [False, True]
        assert db.session.scalar(select(func.count()).where(User.phone.is_(None)))
        assert db.session.scalar(select(func.count()).where(Product.rating_count == 0))


def test_rows_do_not_lie_in_the_order_of_their_keys(app, seeded):
    with app.app_context():
        ids = db.session.scalars(select(Item.id).order_by(text("ctid"))).all()
    assert ids != sorted(ids)


def test_a_database_in_use_is_not_seeded(app, seeded):
    with app.app_context(), pytest.raises(RuntimeError, match="users already"):
        seed(0.02)


def test_the_command_says_what_it_made(app):
    result = app.test_cli_runner().invoke(args=["seed", "--scale", "0.02"])
    assert result.exit_code == 0, result.output
    assert "products" in result.output
