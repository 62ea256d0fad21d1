"""Settings, from the environment."""

import os


class Config:
    def __init__(self):
        self.SECRET_KEY = os.environ.get("SECRET_KEY", "not-a-secret-in-development")
        self.SQLALCHEMY_DATABASE_URI = os.environ.get(
            "DATABASE_URL", "postgresql+psycopg2://localhost/legacy_shop"
        ).replace("postgres://", "postgresql://", 1)
        # The small database plan allows few connections.
        self.SQLALCHEMY_ENGINE_OPTIONS = {
            "pool_size": 2,
            "max_overflow": 0,
            "pool_timeout": 30,
        }
        self.REDIS_URL = os.environ.get("REDIS_URL", "redis://localhost:6379/0")
        self.CACHE_TYPE = "RedisCache"
        self.CACHE_REDIS_URL = self.REDIS_URL
        self.CACHE_KEY_PREFIX = "legacy_shop:"
        self.CACHE_DEFAULT_TIMEOUT = 60
        self.PAYMENT_URL = os.environ.get("PAYMENT_URL", "http://localhost:9001/payments")
        self.SHIPPING_URL = os.environ.get("SHIPPING_URL", "http://localhost:9001/shipping")
        self.RISK_URL = os.environ.get("RISK_URL", "http://localhost:9001/risk")
        self.PASSWORD_METHOD = "pbkdf2:sha256:100000"
        self.PAGE_SIZE = 24
