"""Rows for tests: valid without arguments, each different from the one before.

They name no session: flask-assay gives them the app's, commits, and needs no app context.
"""

import factory
from factory.alchemy import SQLAlchemyModelFactory
from shop.models import BasketLine, Category, Item, Order, OrderLine, Product, Review, User
from werkzeug.security import generate_password_hash

PASSWORD = "open sesame"
PASSWORD_HASH = generate_password_hash(PASSWORD, method="scrypt:256:8:1")


class UserFactory(SQLAlchemyModelFactory):
    class Meta:
        model = User

    username = factory.Sequence(lambda n: f"ada{n}")
    password_hash = PASSWORD_HASH
    email = factory.LazyAttribute(lambda user: f"{user.username}@example.com")
    phone = "+15005550001"
    is_staff = False


class CategoryFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Category

    name = factory.Sequence(lambda n: f"Lamps {n}")
    slug = factory.Sequence(lambda n: f"lamps-{n}")


class ProductFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Product

    category = factory.SubFactory(CategoryFactory)
    name = factory.Sequence(lambda n: f"Lamp {n}")
    description = "It shines."
    price_cents = 1999
    stock = 10


class ReviewFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Review

    author = factory.SubFactory(UserFactory)
    stars = 4
    body = "Bright."


class ItemFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Item

    name = factory.Sequence(lambda n: f"umbrella {n}")


class BasketLineFactory(SQLAlchemyModelFactory):
    class Meta:
        model = BasketLine

    quantity = 1


class OrderLineFactory(SQLAlchemyModelFactory):
    class Meta:
        model = OrderLine

    product = factory.SubFactory(ProductFactory)
    quantity = 1
    price_cents = 1999


class OrderFactory(SQLAlchemyModelFactory):
    class Meta:
        model = Order

    total_cents = 1999
    payment_method = "pm_card_visa"
    lines = factory.LazyFunction(lambda: OrderLineFactory.build_batch(2))
