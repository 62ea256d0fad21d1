"""A small web shop: the reference app for Flask, SQLAlchemy, Redis and Celery."""

from collections.abc import Mapping

from flask import Flask

from shop import cli, errors, views
from shop.config import load_config
from shop.database import db
from shop.extensions import MIGRATIONS, cache, migrate
from shop.services import clients
from shop.worker import init_celery

__all__ = ["create_app", "db"]


def create_app(config: str | Mapping | object | None = None) -> Flask:
    """Return the app, configured by a class, an object, a mapping or a name in `shop.config`.

    Later sources win: the defaults, a class or object, the environment, a mapping.
    """
    app = Flask(__name__)
    load_config(app.config, config)

    db.init_app(app)
    migrate.init_app(app, db, directory=str(MIGRATIONS))
    cache.init_app(app)
    init_celery(app)
    clients.init_app(app)
    errors.init_app(app)
    views.init_app(app)
    cli.init_app(app)
    return app
