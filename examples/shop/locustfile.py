"""Visitors of the shop: many browse, some log in and buy.

Run it by itself with `locust --host http://127.0.0.1:8000`, or let `flask assay run` do so.
The accounts are those of `shop.seeds`.
"""

from itertools import count
from random import Random

from locust import FastHttpUser, HttpUser, between, task  # noqa: TID251 - Locust reads this file

USERS = 200  # the seeder makes at least as many at scale 0.1
PASSWORD = "correct horse"
WORDS = ("amber", "folding desk", "quiet lantern", "telescope", "brisk notebook", "oaken")
CATEGORIES = ("books", "cameras", "garden", "games-outdoors", "lamps-for-work")

_numbers = count(1)


def newest_product(client):
    """Return the highest product id, so that the visits fit a shop of any size."""
    page = client.get("/products?limit=1", name="/products").json()
    return page["products"][0]["id"]


class Shopper:
    """What visitors and customers have in common: a few products draw most of them."""

    def some_product(self):
        return min(self.newest, int(self.random.paretovariate(0.6)))


class Visitor(Shopper, FastHttpUser):
    """Looks around without an account."""

    weight = 4
    wait_time = between(0.5, 2)

    def on_start(self):
        self.random = Random(next(_numbers))
        self.newest = newest_product(self.client)

    @task(6)
    def open_home_and_a_product(self):
        self.client.get("/", name="/")
        self.client.get(f"/p/{self.some_product()}", name="/p/[id]")

    @task(4)
    def browse_a_category(self):
        slug = self.random.choices(CATEGORIES)[0]
        path, name = f"/categories/{slug}/products", "/categories/[slug]/products"
        with self.client.get(path, name=name, catch_response=True) as response:
            following = response.json()["next"]
        if following:
            self.client.get(f"{path}?after={following}", name=f"{name}?after=[cursor]")

    @task(3)
    def search(self):
        words = self.random.choices(WORDS)[0]
        self.client.get(f"/search?q={words}", name="/search")

    @task(3)
    def read_reviews(self):
        product = self.some_product()
        self.client.get(f"/products/{product}", name="/products/[id]")
        self.client.get(f"/products/{product}/reviews", name="/products/[id]/reviews")

    @task(2)
    def use_the_notice_board(self):
        self.client.get("/items?limit=50", name="/items")
        created = self.client.post("/items", json={"name": "a lost umbrella"}, name="/items")
        item = f"/items/{created.json()['id']}"
        self.client.get(item, name="/items/[id]")
        self.client.put(item, json={"name": "a found umbrella"}, name="/items/[id]")
        self.client.get(item, name="/items/[id]")


class Customer(Shopper, HttpUser):
    """Logs in, fills a basket, buys, looks at orders, reviews."""

    weight = 1
    wait_time = between(1, 3)

    def on_start(self):
        number = next(_numbers)
        self.random = Random(number)
        account = {"username": f"user{number % USERS + 1}", "password": PASSWORD}
        self.newest = newest_product(self.client)
        token = self.client.post("/login", json=account).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    def on_stop(self):
        self.client.post("/logout")

    @task(4)
    def fill_the_basket(self):
        product = self.some_product()
        self.client.get(f"/products/{product}", name="/products/[id]")
        quantity = {"quantity": self.random.randint(1, 3)}
        self.client.put(f"/basket/{product}", json=quantity, name="/basket/[id]")
        self.client.get("/basket")

    @task(2)
    def buy(self):
        product = self.some_product()
        self.client.put(f"/basket/{product}", json={"quantity": 1}, name="/basket/[id]")
        with self.client.post("/checkout", json={}, catch_response=True) as response:
            if response.status_code == 409:  # sold out: part of life, not a failure
                response.success()
        if response.status_code == 409:
            self.empty_the_basket()
        elif response.ok:
            self.client.get(f"/orders/{response.json()['id']}", name="/orders/[id]")

    def empty_the_basket(self):
        for line in self.client.get("/basket").json()["lines"]:
            self.client.delete(f"/basket/{line['product_id']}", name="/basket/[id]")

    @task(2)
    def look_at_orders(self):
        self.client.get("/profile")
        self.client.get("/orders")

    @task(1)
    def review(self):
        path = f"/products/{self.some_product()}/reviews"
        body = {"stars": self.random.randint(1, 5), "body": "Does what it says, and looks good."}
        with self.client.post(
            path, json=body, name="/products/[id]/reviews", catch_response=True
        ) as response:
            if response.status_code == 409:  # reviewed before
                response.success()
