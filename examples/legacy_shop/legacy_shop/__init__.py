"""The shop, three years after its first commit."""

from flask import Flask

from legacy_shop.config import Config
from legacy_shop.extensions import cache, db, redis_store


def create_app(config=None):
    """Build the application; `config` is an object or a mapping laid over the environment's."""
    app = Flask(__name__)
    app.config.from_object(Config())
    if isinstance(config, dict):
        app.config.update(config)
    elif config is not None:
        app.config.from_object(config)

    db.init_app(app)
    cache.init_app(app)
    redis_store.init_app(app)

    from legacy_shop.views import (
        account,
        admin,
        basket,
        catalogue,
        checkout,
        content,
        items,
        pages,
        widgets,
    )

    for module in (account, admin, basket, catalogue, checkout, content, items, pages, widgets):
        app.register_blueprint(module.blueprint)

    @app.errorhandler(404)
    def not_found(error):
        return {"error": "not found"}, 404

    return app
