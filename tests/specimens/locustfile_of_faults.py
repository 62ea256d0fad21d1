"""Asks each route of the specimen app, labels always for another key."""

import itertools

from locust import HttpUser, constant, task

keys = itertools.count()


class Visitor(HttpUser):
    wait_time = constant(0.02)

    @task
    def everything(self):
        for turn in range(2):
            n = next(keys)
            for path in (
                f"/bylines?page={n % 30}", f"/badge/{1 + n % 90}", f"/titles?page={n % 30}",
                "/names", f"/time/{1 + n % 700}", f"/twice/{1 + n % 90}", "/front", "/rates",
                f"/label/key-{n}", f"/label/again-{n}", "/distances/strawberry",
            ):  # fmt: skip
                self.client.get(path)
            with self.client.get(f"/broken/{n}", name="/broken", catch_response=True) as answer:
                answer.success()
            if turn:
                self.client.get("/quote")
                self.client.get("/stubborn")
