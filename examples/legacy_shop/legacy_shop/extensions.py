"""Extensions, created once and bound to the application in `create_app`."""

import redis
from flask_caching import Cache
from flask_sqlalchemy import SQLAlchemy

db = SQLAlchemy()
cache = Cache()


class RedisStore:
    """A Redis client that takes its address from the application."""

    def __init__(self):
        self.client = None

    def init_app(self, app):
        self.client = redis.Redis.from_url(app.config["REDIS_URL"], decode_responses=True)


redis_store = RedisStore()
