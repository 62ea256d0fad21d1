"""A shop full of data, the same at each run (but for the salt of the password).

The data is made to be honest: popularity is skewed as in life (Zipf), the children of one parent
belong to different other parents, texts are as wide as real ones, rare and missing values occur,
and rows arrive in shuffled order, because data that lies neatly by its key flatters indexes.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import accumulate
from random import Random

from sqlalchemy import func, insert, select, text, update

from shop.database import db
from shop.models import (
    BasketLine,
    Category,
    Item,
    Order,
    OrderLine,
    OrderStatus,
    Product,
    Review,
    User,
)
from shop.services.accounts import hash_password
from shop.words import CATEGORIES, name, paragraph

SEED = 20_000
THEN = datetime(2026, 1, 1, tzinfo=UTC)  # a fixed clock: same seed, same bytes
PASSWORD = "correct horse"  # of every seeded user, from user1 on
BATCH = 5_000

USERS, PRODUCTS, REVIEWS, ORDERS, ITEMS = 2_000, 4_000, 16_000, 8_000, 5_000


def seed(scale: float = 1.0) -> dict[str, int]:
    """Fill the empty tables; return how many rows each got. Needs an app context.

    Args:
        scale: How much data: 1 is some 60,000 rows. Categories do not grow.

    Raises:
        RuntimeError: There are users already.
    """
    if db.session.scalar(select(User.id).order_by(User.id).limit(1)) is not None:
        raise RuntimeError("the database has users already: seed an empty one")
    seeder = Seeder(Random(SEED), scale)
    counts = {model.__tablename__: _insert(model, rows) for model, rows in seeder.tables()}
    _count_ratings()
    _advance_sequences()
    db.session.commit()
    return counts


class Seeder:
    """Makes rows; every choice comes from one seeded generator."""

    def __init__(self, random: Random, scale: float) -> None:
        self.random = random
        self.users = _scaled(USERS, scale)
        self.products = _scaled(PRODUCTS, scale)
        self.reviews = _scaled(REVIEWS, scale)
        self.orders = _scaled(ORDERS, scale)
        self.items = _scaled(ITEMS, scale)
        self.prices: dict[int, int] = {}
        self.popular_products = Zipf(random, self.products)
        self.busy_users = Zipf(random, self.users)

    def tables(self) -> Iterator[tuple[type, Iterable[dict]]]:
        """Yield each model and its rows, parents first."""
        yield Category, self.make_categories()
        yield User, self.make_users()
        yield Product, self.make_products()
        yield Item, self.make_items()
        yield Review, self.make_reviews()
        orders, lines = self.make_orders()
        yield Order, orders
        yield OrderLine, lines
        yield BasketLine, self.make_baskets()

    def make_categories(self) -> list[dict]:
        return [
            {"id": number, "name": title, "slug": title.lower().replace(" ", "-")}
            for number, title in enumerate(CATEGORIES, start=1)
        ]

    def make_users(self) -> list[dict]:
        password_hash = hash_password(PASSWORD)  # once: a good hash is slow
        return [
            {
                "id": number,
                "username": f"user{number}",
                "password_hash": password_hash,
                "email": f"user{number}@example.com" if self.chance(0.9) else None,
                "phone": f"+1500{number:07}" if self.chance(0.4) else None,
                "is_staff": number % 500 == 2,
                "created_at": self.moment(),
            }
            for number in self.shuffled(self.users)
        ]

    def make_products(self) -> Iterator[dict]:
        categories = Zipf(self.random, len(CATEGORIES))
        for number in self.shuffled(self.products):
            self.prices[number] = int(self.random.lognormvariate(7.6, 0.9)) + 99
            yield {
                "id": number,
                "category_id": categories.pick(),
                "name": f"{name(self.random)} {number}",
                "description": paragraph(self.random, self.random.randint(40, 220)),
                "price_cents": self.prices[number],
                "stock": 0 if self.chance(0.03) else self.random.randint(50_000, 500_000),
                "created_at": self.moment(),
            }

    def make_items(self) -> Iterator[dict]:
        for number in self.shuffled(self.items):
            yield {"id": number, "name": name(self.random), "created_at": self.moment()}

    def make_reviews(self) -> Iterator[dict]:
        """Popular products have hundreds, most a few, some none; each by another user."""
        pairs: set[tuple[int, int]] = set()
        for number in self.shuffled(self.reviews):
            pair = self.new_pair(pairs)
            yield {
                "id": number,
                "user_id": pair[0],
                "product_id": pair[1],
                "stars": self.random.choices(range(1, 6), (6, 5, 12, 30, 47))[0],
                "body": paragraph(self.random, self.random.randint(5, 120)),
                "created_at": self.moment(),
            }

    def make_orders(self) -> tuple[list[dict], list[dict]]:
        orders, lines = [], []
        for number in self.shuffled(self.orders):
            bought = self.make_lines(
                self.random.choices(range(1, 9), (40, 25, 13, 9, 6, 4, 2, 1))[0]
            )
            lines += [{"order_id": number, **line} for line in bought]
            orders.append(self.make_order(number, bought))
        self.random.shuffle(lines)
        return orders, lines

    def make_order(self, number: int, bought: list[dict]) -> dict:
        placed = self.moment()
        status = self.random.choices(list(OrderStatus), (1, 96, 3))[0]
        paid = status == OrderStatus.PAID
        return {
            "id": number,
            "user_id": self.busy_users.pick(),
            "status": status,
            "total_cents": sum(line["quantity"] * line["price_cents"] for line in bought),
            "payment_method": "pm_card_visa",
            "payment_id": f"pi_seed{number}" if paid else None,
            "paid_at": placed + timedelta(seconds=self.random.randint(1, 90)) if paid else None,
            "created_at": placed,
        }

    def make_lines(self, wanted: int) -> list[dict]:
        products = {self.popular_products.pick() for _ in range(wanted)}
        return [
            {
                "product_id": product_id,
                "quantity": self.random.choices((1, 2, 3, 10), (80, 14, 5, 1))[0],
                "price_cents": self.prices[product_id],
            }
            for product_id in sorted(products)
        ]

    def make_baskets(self) -> list[dict]:
        """Half of the users have something in their basket."""
        lines = []
        for user_id in range(1, self.users + 1, 2):
            for line in self.make_lines(self.random.randint(1, 6)):
                del line["price_cents"]
                lines.append({"user_id": user_id, **line})
        self.random.shuffle(lines)
        return lines

    def new_pair(self, known: set[tuple[int, int]]) -> tuple[int, int]:
        while True:
            pair = self.random.randint(1, self.users), self.popular_products.pick()
            if pair not in known:
                known.add(pair)
                return pair

    def shuffled(self, count: int) -> list[int]:
        return self.random.sample(range(1, count + 1), count)

    def chance(self, ratio: float) -> bool:
        return self.random.random() < ratio

    def moment(self) -> datetime:
        return THEN - timedelta(seconds=self.random.randint(0, 2 * 365 * 86_400))


class Zipf:
    """Picks ids from 1 to `count`: the n-th most popular is picked 1/n as often as the first."""

    def __init__(self, random: Random, count: int) -> None:
        self._random = random
        self._ids = random.sample(range(1, count + 1), count)
        self._weights = list(accumulate(1 / (rank + 3) for rank in range(count)))

    def pick(self) -> int:
        return self._random.choices(self._ids, cum_weights=self._weights)[0]


def _scaled(count: int, scale: float) -> int:
    return max(20, round(count * scale))


def _insert(model: type, rows: Iterable[dict]) -> int:
    rows = list(rows)
    for start in range(0, len(rows), BATCH):
        db.session.execute(insert(model.__table__), rows[start : start + BATCH])
    return len(rows)


def _count_ratings() -> None:
    counted = (
        select(Review.product_id, func.sum(Review.stars).label("stars"), func.count().label("n"))
        .group_by(Review.product_id)
        .subquery()
    )
    db.session.execute(
        update(Product)
        .where(Product.id == counted.c.product_id)
        .values(rating_sum=counted.c.stars, rating_count=counted.c.n)
        .execution_options(synchronize_session=False)
    )


def _advance_sequences() -> None:
    """Rows came with ids, so the sequences have to follow."""
    for model in (Category, User, Product, Item, Review, Order):
        table = model.__tablename__
        db.session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}")
        )
