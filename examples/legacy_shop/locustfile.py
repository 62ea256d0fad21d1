"""Customers, visitors and the back office, as the access log shows them."""

import itertools
import random

from locust import HttpUser, between, task

PASSWORD = "correct horse"
ACCOUNTS = itertools.cycle(range(1, 201))
SERIAL = itertools.count(1)
WORDS = "amber brass oak lamp table wool chair basket iron clock".split()


def popular(values):
    """Pick a value; the earlier, the likelier."""
    return values[min(int(random.paretovariate(0.9)) - 1, len(values) - 1)]


class Visitor(HttpUser):
    weight = 5
    wait_time = between(0.02, 0.1)

    def on_start(self):
        index = self.client.get("/products/index.json").json()
        self.products = [entry["id"] for entry in index]
        random.shuffle(self.products)
        self.categories = [entry["slug"] for entry in self.client.get("/categories").json()]

    @task(6)
    def home(self):
        self.client.get("/")

    @task(8)
    def browse(self):
        self.client.get("/products", params={"page": random.randint(1, 60)}, name="/products")

    @task(8)
    def look(self):
        product_id = popular(self.products)
        self.client.get(f"/products/{product_id}", name="/products/[id]")
        self.client.get(f"/products/{product_id}/stock", name="/products/[id]/stock")

    @task(3)
    def read_reviews(self):
        product_id = popular(self.products)
        self.client.get(f"/products/{product_id}/reviews", name="/products/[id]/reviews")

    @task(3)
    def related(self):
        product_id = random.choice(self.products)
        self.client.get(f"/products/{product_id}/related", name="/products/[id]/related")

    @task(2)
    def index(self):
        self.client.get("/products/index.json")

    @task(2)
    def menu(self):
        self.client.get("/categories")

    @task(4)
    def category(self):
        slug = random.choice(self.categories)
        self.client.get(f"/categories/{slug}/products", name="/categories/[slug]/products")

    @task(2)
    def suppliers(self):
        self.client.get("/suppliers", params={"page": random.randint(1, 16)}, name="/suppliers")

    @task(3)
    def search(self):
        self.client.get("/search", params={"q": random.choice(WORDS)}, name="/search")

    @task(3)
    def suggest(self):
        typed = random.choice(WORDS)[: random.randint(3, 6)]
        self.client.get("/search/suggest", params={"q": typed}, name="/search/suggest")

    @task(3)
    def deals(self):
        self.client.get("/deals")

    @task(3)
    def news(self):
        self.client.get("/news", params={"page": random.randint(1, 40)}, name="/news")

    @task(1)
    def article(self):
        self.client.get(f"/news/{random.randint(1, 1200)}", name="/news/[id]")

    @task(3)
    def all_reviews(self):
        self.client.get("/reviews", params={"page": random.randint(1, 20)}, name="/reviews")

    @task(3)
    def review_page(self):
        self.client.get("/pages/reviews", params={"page": random.randint(1, 60)}, name="/pages/reviews")

    @task(4)
    def quote(self):
        params = {"postcode": random.randint(10_000, 99_999), "grams": random.randint(1, 40) * 50}
        self.client.get("/shipping/quote", params=params, name="/shipping/quote")

    @task(5)
    def bestsellers(self):
        self.client.get("/widgets/bestsellers")

    @task(1)
    def register(self):
        username = f"new-{random.getrandbits(40):x}-{next(SERIAL)}"
        self.client.post("/register", json={"username": username, "password": PASSWORD})

    @task(1)
    def items(self):
        self.client.get("/items", params={"page": random.randint(1, 50)}, name="/items")


class Customer(HttpUser):
    weight = 4
    wait_time = between(0.02, 0.1)

    def on_start(self):
        self.sign_in()
        index = self.client.get("/products/index.json").json()
        self.products = [entry["id"] for entry in index]
        self.orders = [order["id"] for order in self.client.get("/orders").json()]

    def sign_in(self):
        self.username = f"user{next(ACCOUNTS)}"
        answer = self.client.post(
            "/login", json={"username": self.username, "password": PASSWORD}
        )
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @task(1)
    def sign_in_again(self):
        self.client.post("/logout")
        self.sign_in()
        self.orders = [order["id"] for order in self.client.get("/orders").json()]

    @task(3)
    def profile(self):
        self.client.get("/profile")

    @task(2)
    def badges(self):
        self.client.get("/account/badges")

    @task(3)
    def offers(self):
        self.client.get("/account/offers")

    @task(4)
    def basket(self):
        self.client.get("/basket")

    @task(2)
    def fill_basket(self):
        self.client.post("/basket", json={"product_id": random.choice(self.products), "quantity": 1})

    @task(2)
    def change_basket(self):
        self.client.put("/basket", json={"quantity": random.randint(1, 5)})

    @task(3)
    def check_out(self):
        chosen = random.sample(self.products, random.randint(1, 4))
        lines = [{"product_id": product_id, "quantity": 1} for product_id in chosen]
        answer = self.client.post("/checkout", json={"lines": lines})
        self.orders.append(answer.json()["id"])

    @task(4)
    def orders_page(self):
        self.client.get("/orders")

    @task(2)
    def order(self):
        if self.orders:
            self.client.get(f"/orders/{random.choice(self.orders)}", name="/orders/[id]")

    @task(3)
    def invoice(self):
        if self.orders:
            order_id = random.choice(self.orders)
            self.client.get(f"/orders/{order_id}/invoice", name="/orders/[id]/invoice")

    @task(1)
    def review(self):
        product_id = random.choice(self.products)
        self.client.post(
            f"/products/{product_id}/reviews",
            json={"rating": random.randint(1, 5), "title": "Fine", "body": "It does what it says. " * 8},
            name="/products/[id]/reviews",
        )

    @task(1)
    def import_wishlist(self):
        names = [f"{random.choice(WORDS)} {n}" for n in range(random.randint(12, 25))]
        self.client.post("/wishlist/import", json={"names": names})

    @task(1)
    def offer_item(self):
        item_id = self.client.post("/items", json={"name": "Used lamp"}).json()["id"]
        self.client.get(f"/items/{item_id}", name="/items/[id]")
        self.client.put(f"/items/{item_id}", json={"name": "Old lamp"}, name="/items/[id]")


class Partner(HttpUser):
    fixed_count = 1
    wait_time = between(0.1, 0.3)

    @task(2)
    def price(self):
        headers = {"X-Partner": f"partner{random.randint(1, 8)}", "X-Api-Key": "partner-key"}
        self.client.get(
            f"/partner/prices/SKU-{random.randint(1, 200):06d}",
            headers=headers,
            name="/partner/prices/[sku]",
        )

    @task(3)
    def label(self):
        sku = f"SKU-{random.randint(1, 3000):06d}"
        self.client.get(
            f"/labels/{sku}.svg", params={"v": random.getrandbits(32)}, name="/labels/[sku].svg"
        )


class BackOffice(HttpUser):
    fixed_count = 1
    wait_time = between(0.3, 0.9)

    def on_start(self):
        answer = self.client.post("/login", json={"username": "user1", "password": PASSWORD})
        self.client.headers["Authorization"] = f"Bearer {answer.json()['token']}"

    @task(4)
    def refunds(self):
        self.client.get("/admin/refunds", params={"since": "2026-08-01"}, name="/admin/refunds")

    @task(2)
    def sizes(self):
        self.client.get("/admin/sizes")

    @task(1)
    def export(self):
        self.client.get("/admin/export", params={"since": "2026-10-15"}, name="/admin/export")
