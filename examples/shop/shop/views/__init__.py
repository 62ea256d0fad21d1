"""The blueprints: they read the request, ask a service and shape the answer."""

from flask import Flask

from shop.views import accounts, basket, catalogue, health, items, orders, pages


def init_app(app: Flask) -> None:
    for module in (accounts, items, catalogue, basket, orders, pages, health):
        app.register_blueprint(module.blueprint)
