"""Rows like those of a shop in its third year: skewed, wide, shuffled, and the same each time."""

import hashlib
import itertools
import random
from datetime import datetime, timedelta, timezone

from flask import current_app
from sqlalchemy import cast, func, text
from sqlalchemy.dialects.postgresql import ARRAY

from legacy_shop.extensions import db, redis_store
from legacy_shop.models import (
    Article,
    AuthToken,
    BasketLine,
    Category,
    Deal,
    Item,
    MailTemplate,
    Offer,
    Order,
    OrderLine,
    Partner,
    Product,
    Refund,
    Review,
    SearchTerm,
    StockMovement,
    Supplier,
    Tag,
    User,
    product_tags,
)

SEED = 20260714
TODAY = datetime(2026, 11, 1, tzinfo=timezone.utc)
PASSWORD = "correct horse"
PARTNER_KEY = "partner-key"

ADJECTIVES = (
    "amber ancient bright broad calm clever cold copper curly dark deep dry early elegant fine firm"
    " fresh gentle golden grand green heavy honest hollow icy jolly kind large light linen little"
    " lucky mellow mild modern narrow neat noble oaken olive pale plain proud quick quiet rapid rare"
    " red rough round royal rustic sharp silver slim smooth soft solid stone sturdy sunny swift tall"
    " thin tiny velvet vivid warm white wild wise woven young"
).split()
NOUNS = (
    "anchor apron atlas awning badge barrel basin basket beaker bell bench blanket bottle bowl box"
    " bracket brush bucket button cabinet candle canvas chair chest clock cloth compass cup curtain"
    " cushion desk dish drawer easel fan flask fork frame funnel glove goblet grinder hammer handle"
    " hook jar jug kettle knife ladder ladle lamp lantern lid mirror mug napkin needle notebook"
    " paddle pan pencil pillow pitcher plate pot quilt rack razor ribbon rug saddle scale scissors"
    " shelf shovel sieve spoon stool table tap teapot thermos tray vase wallet whisk wreath"
).split()
MATERIALS = "ash beech birch brass bronze cedar clay cork cotton felt glass iron jute wool zinc".split()
CITIES = "Aachen Bergen Cork Delft Évora Ghent Łódź Nice Porto Ravenna Turku Uppsala Zürich".split()
COUNTRIES = "AT BE CH CZ DE DK ES FI FR IE IT NL NO PL PT SE".split()
REASONS = "delivery sale return correction breakage".split()
STATUSES = ("paid",) * 88 + ("pending",) * 8 + ("cancelled",) * 4

INVOICE = """<!doctype html>
<title>Invoice {{ order.id }}</title>
<h1>Invoice {{ order.id }} for {{ user.username }}</h1>
<table>
{% for line in order.lines %}
<tr><td>{{ loop.index }}</td><td>{{ line.product.name }}</td><td>{{ line.quantity }}</td>
<td>{{ "%.2f"|format(line.price_cents / 100) }}</td>
<td>{{ "%.2f"|format(line.quantity * line.price_cents / 100) }}</td></tr>
{% endfor %}
</table>
<p>Total: {{ "%.2f"|format(order.total_cents / 100) }}</p>
{% if order.status != "paid" %}<p>Please pay within 14 days.</p>{% endif %}
"""


class Zipf:
    """Draws 1..n; the share of the k-th most popular falls with k ** -exponent."""

    def __init__(self, rng, n, exponent):
        self.rng = rng
        self.values = list(range(1, n + 1))
        rng.shuffle(self.values)
        self.weights = list(itertools.accumulate(k**-exponent for k in range(1, n + 1)))

    def draw(self, count):
        return self.rng.choices(self.values, cum_weights=self.weights, k=count)

    def distinct(self, count):
        found = dict.fromkeys(self.draw(count))
        while len(found) < count:
            found.update(dict.fromkeys(self.draw(count)))
        return list(found)[:count]


class Prose:
    """Cuts texts of any length from one long ramble."""

    def __init__(self, rng):
        self.rng = rng
        words = rng.choices(ADJECTIVES + NOUNS + MATERIALS + "the a of and with for in".split(), k=40_000)
        self.text = " ".join(words)

    def cut(self, shortest, longest):
        length = self.rng.randint(shortest, longest)
        start = self.rng.randrange(len(self.text) - length)
        return self.text[start : start + length].strip().capitalize() + "."


def insert(model, columns, rows, *, shuffle=None):
    """Send rows in chunks, each as one array a column; far faster than a statement a row."""
    table = getattr(model, "__table__", model)
    if shuffle is not None:
        shuffle.shuffle(rows)
    targets = [table.c[name] for name in columns]
    for start in range(0, len(rows), 10_000):
        arrays = zip(*rows[start : start + 10_000], strict=True)
        source = func.unnest(
            *(cast(list(a), ARRAY(c.type)) for a, c in zip(arrays, targets, strict=True))
        ).table_valued(*columns).render_derived()
        db.session.execute(
            table.insert().from_select(targets, db.select(*(source.c[n] for n in columns)))
        )
    if "id" in columns:
        db.session.execute(
            text(f"SELECT setval(pg_get_serial_sequence('{table.name}', 'id'), max(id)) FROM {table.name}")
        )


def password_hash(rng, password):
    """Hash as Werkzeug does, with a salt that is the same each time."""
    method = current_app.config["PASSWORD_METHOD"]
    _, digest, iterations = method.split(":")
    salt = f"{rng.getrandbits(64):016x}"
    made = hashlib.pbkdf2_hmac(digest, password.encode(), salt.encode(), int(iterations))
    return f"{method}${salt}${made.hex()}"


def ago(rng, days):
    return TODAY - timedelta(seconds=rng.randrange(days * 86_400))


def seed(scale=1.0):
    """Fill an empty database; needs an application context."""
    rng = random.Random(SEED)
    counts = {
        "users": max(50, int(2_000 * scale)),
        "suppliers": 400,
        "products": max(200, int(3_000 * scale)),
        "orders": max(500, int(20_000 * scale)),
        "reviews": max(500, int(30_000 * scale)),
        "stock_movements": max(2_000, int(150_000 * scale)),
    }
    prose = Prose(rng)
    seed_people(rng, counts)
    seed_catalogue(rng, counts, prose)
    seed_sales(rng, counts)
    seed_content(rng, counts, prose)
    db.session.commit()
    redis_store.client.mset({f"deal:{n}:left": n * 3 % 17 for n in range(1, 21)})


def seed_people(rng, counts):
    hashes = [password_hash(rng, PASSWORD) for _ in range(6)]
    users = [
        (n, f"user{n}", f"user{n}@mail.example", rng.choice(hashes), n <= 5,
         rng.choice([*CITIES, None]), ago(rng, 1000))
        for n in range(1, counts["users"] + 1)
    ]
    insert(
        User,
        ("id", "username", "email", "password_hash", "is_admin", "city", "created_at"),
        users,
        shuffle=rng,
    )
    tokens = [
        (f"{rng.getrandbits(192):048x}", rng.randint(1, counts["users"]), ago(rng, 90))
        for _ in range(counts["users"] * 2)
    ]
    insert(AuthToken, ("token", "user_id", "created_at"), tokens)
    partners = [(f"partner{n}", password_hash(rng, PARTNER_KEY)) for n in range(1, 9)]
    insert(Partner, ("name", "key_hash"), partners)
    offers = [
        (user, f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)} week".capitalize(), rng.randint(1, 8) * 5)
        for user in range(1, counts["users"] + 1)
        for _ in range(rng.choice((0, 1, 2, 2, 3, 5)))
    ]
    insert(Offer, ("user_id", "title", "discount_percent"), offers, shuffle=rng)


def seed_catalogue(rng, counts, prose):
    names = rng.sample(NOUNS, 40)
    categories = [
        (n, f"{name.capitalize()}s", f"{name}s", rng.randint(1, 8) if n > 8 else None)
        for n, name in enumerate(names, start=1)
    ]
    insert(Category, ("id", "name", "slug", "parent_id"), categories)
    suppliers = [
        (n, f"{rng.choice(ADJECTIVES)} {rng.choice(MATERIALS)} works {n}".title(), rng.choice(COUNTRIES))
        for n in range(1, counts["suppliers"] + 1)
    ]
    insert(Supplier, ("id", "name", "country"), suppliers, shuffle=rng)
    tags = [(n, name) for n, name in enumerate(rng.sample(ADJECTIVES, 60), start=1)]
    insert(Tag, ("id", "name"), tags, shuffle=rng)

    category, supplier = Zipf(rng, 40, 0.7), Zipf(rng, counts["suppliers"], 0.5)
    tag = Zipf(rng, 60, 0.8)
    products, labels = [], []
    for n in range(1, counts["products"] + 1):
        name = f"{rng.choice(ADJECTIVES)} {rng.choice(MATERIALS)} {rng.choice(NOUNS)}"
        products.append(
            (n, f"SKU-{n:06d}", name.capitalize(), f"{name.replace(' ', '-')}-{n}",
             prose.cut(600, 2400), rng.randint(2, 400) * 50 - 1, rng.random() > 0.05,
             int(rng.paretovariate(0.8)) % 90_000, *category.draw(1), *supplier.draw(1), ago(rng, 900))
        )
        labels += [(n, t) for t in tag.distinct(rng.choice((0, 1, 2, 3, 3, 4, 6)))]
    insert(
        Product,
        ("id", "sku", "name", "slug", "description", "price_cents", "is_active", "view_count",
         "category_id", "supplier_id", "created_at"),
        products,
        shuffle=rng,
    )
    insert(product_tags, ("product_id", "tag_id"), labels, shuffle=rng)
    chosen = rng.sample(range(1, counts["products"] + 1), 20)
    insert(Deal, ("id", "product_id", "discount_percent"),
           [(n, p, rng.randint(1, 10) * 5) for n, p in enumerate(chosen, start=1)])
    moved = Zipf(rng, counts["products"], 0.6).draw(counts["stock_movements"])
    movements = [
        (product, rng.randint(-6, 9), rng.choice(REASONS), ago(rng, 900)) for product in moved
    ]
    insert(StockMovement, ("product_id", "quantity", "reason", "created_at"), movements)
    pairs = rng.sample([(a, n) for a in ADJECTIVES for n in NOUNS], 1_500)
    terms = [(f"{a} {n}", int(rng.paretovariate(0.9) * 10) % 100_000) for a, n in pairs]
    insert(SearchTerm, ("term", "popularity"), terms)


def seed_sales(rng, counts):
    buyer, bought = Zipf(rng, counts["users"], 0.7), Zipf(rng, counts["products"], 0.8)
    orders, lines, refunds = [], [], []
    for n, user in enumerate(buyer.draw(counts["orders"]), start=1):
        at = ago(rng, 900)
        # One product's lines are never the whole of an order.
        chosen = bought.distinct(rng.choice((1, 2, 2, 3, 3, 4, 5, 8)))
        new = [(n, p, rng.choice((1, 1, 1, 2, 3)), rng.randint(2, 400) * 50 - 1) for p in chosen]
        total = sum(quantity * price for _, _, quantity, price in new)
        orders.append((n, user, rng.choice(STATUSES), total, f"ch_{rng.getrandbits(48):012x}", at))
        lines += new
        if rng.random() < 0.03:
            refunds.append((n, total // rng.choice((1, 2, 4)), at + timedelta(days=rng.randint(1, 20))))
    insert(Order, ("id", "user_id", "status", "total_cents", "payment_reference", "created_at"), orders,
           shuffle=rng)
    insert(OrderLine, ("order_id", "product_id", "quantity", "price_cents"), lines, shuffle=rng)
    insert(Refund, ("order_id", "amount_cents", "created_at"), refunds, shuffle=rng)
    basket = [
        (user, product, rng.choice((1, 1, 2, 4)))
        for user in range(1, counts["users"] + 1)
        for product in bought.distinct(rng.choice((0, 3, 6, 8, 10, 14)))
    ]
    insert(BasketLine, ("user_id", "product_id", "quantity"), basket, shuffle=rng)


def seed_content(rng, counts, prose):
    product = Zipf(rng, counts["products"], 0.8)
    authors = Zipf(rng, counts["users"], 0.4)
    pairs = dict.fromkeys(
        zip(product.draw(counts["reviews"]), authors.draw(counts["reviews"]), strict=True)
    )
    reviews = [
        (p, u, rng.choice((1, 2, 3, 4, 4, 5, 5, 5)), prose.cut(10, 60), prose.cut(80, 900), ago(rng, 800))
        for p, u in pairs
    ]
    insert(Review, ("product_id", "user_id", "rating", "title", "body", "created_at"), reviews)
    articles = [
        (prose.cut(20, 90), prose.cut(80, 240), prose.cut(5_000, 9_000), ago(rng, 900))
        for _ in range(1_200)
    ]
    insert(Article, ("title", "summary", "body", "published_at"), articles)
    items = [(f"{rng.choice(ADJECTIVES)} {rng.choice(NOUNS)}", ago(rng, 300)) for _ in range(3_000)]
    insert(Item, ("name", "created_at"), items)
    insert(MailTemplate, ("name", "source"), [("invoice", INVOICE)])
