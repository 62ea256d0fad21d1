"""One client per service and process: each keeps its connections, and each has a timeout.

A client is made at its first use, so no socket exists before a server forks.
"""

from collections.abc import Callable
from typing import TypeVar

from flask import Flask, current_app

T = TypeVar("T")


def init_app(app: Flask) -> None:
    app.extensions["shop_clients"] = {}


def client(name: str, make: Callable[[], T]) -> T:
    """Return this app's client called `name`, made by `make` if there is none yet."""
    clients = current_app.extensions["shop_clients"]
    if name not in clients:
        clients.setdefault(name, make())  # two threads at once: the first one is kept
    return clients[name]
