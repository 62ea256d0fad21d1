"""Settings: classes for what a deployment chooses, the environment for where things are."""

import os
from collections.abc import Mapping
from typing import ClassVar

from flask import Config as FlaskConfig

LOCAL_STUB = "http://127.0.0.1:12111"  # `flask --app shop stubs` listens here


class Config:
    """What every deployment shares. Nothing here reaches the network: see `shop.stubs`."""

    SECRET_KEY = "only-for-development"
    MAX_CONTENT_LENGTH = 1024 * 1024

    SQLALCHEMY_ENGINE_OPTIONS: ClassVar = {
        # One connection per thread of gunicorn.conf.py, and a little to spare.
        "pool_size": 8,
        "max_overflow": 2,
        "pool_timeout": 5,
        "pool_recycle": 1800,
        "pool_pre_ping": True,
        "connect_args": {
            "connect_timeout": 3,
            "application_name": "shop",
            "options": "-c statement_timeout=5000 -c idle_in_transaction_session_timeout=10000",
        },
    }

    CACHE_TYPE = "RedisCache"
    CACHE_KEY_PREFIX = "shop:"
    CACHE_DEFAULT_TIMEOUT = 300
    CACHE_OPTIONS: ClassVar = {"socket_timeout": 0.5, "socket_connect_timeout": 0.5}

    CELERY_TASK_ALWAYS_EAGER = False

    PASSWORD_METHOD = "scrypt:32768:8:1"
    PASSWORD_MIN_LENGTH = 1
    TOKEN_LIFETIME_DAYS = 14

    SDK_TIMEOUT_S = 3.0
    SDK_RETRIES = 1
    PAYMENTS_KEY = "sk_test_shop"
    SMS_ACCOUNT = "ACshop"
    SMS_TOKEN = "sms-token"
    SMS_FROM = "+15005550006"
    S3_BUCKET = "shop"
    S3_REGION = "us-east-1"
    S3_ACCESS_KEY = "shop"
    S3_SECRET_KEY = "shop-secret"
    MAIL_FROM = "shop@example.com"


class DevelopmentConfig(Config):
    """A laptop with PostgreSQL, Redis and the stubs."""


class TestingConfig(Config):
    """Cheap passwords, tasks in process, short patience, a database of its own."""

    TESTING = True
    DATABASE_URL = "postgresql://localhost/shop_test"
    PASSWORD_METHOD = "scrypt:256:8:1"
    CELERY_TASK_ALWAYS_EAGER = True
    SDK_TIMEOUT_S = 0.5
    SDK_RETRIES = 0


class ProductionConfig(Config):
    """The real services. Secrets come from the environment: see `REQUIRED_IN_PRODUCTION`."""

    PASSWORD_MIN_LENGTH = 12
    PAYMENTS_URL = "https://api.stripe.com"
    SMS_URL = "https://api.twilio.com"
    S3_URL = "https://s3.amazonaws.com"
    MAIL_URL = "smtp://localhost:25"


REQUIRED_IN_PRODUCTION = (
    "SECRET_KEY",
    "DATABASE_URL",
    "REDIS_URL",
    "PAYMENTS_KEY",
    "SMS_ACCOUNT",
    "SMS_TOKEN",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
)

# Where things are: variable, default. An unset variable leaves a class's own value alone.
PLACES = {
    "DATABASE_URL": "postgresql://localhost/shop",
    "REDIS_URL": "redis://localhost:6379/0",
    "PAYMENTS_URL": f"{LOCAL_STUB}/payments",
    "SMS_URL": f"{LOCAL_STUB}/sms",
    "S3_URL": f"{LOCAL_STUB}/s3",
    "MAIL_URL": "smtp://127.0.0.1:12112",
}
SECRETS = (
    "SECRET_KEY",
    "PAYMENTS_KEY",
    "SMS_ACCOUNT",
    "SMS_TOKEN",
    "SMS_FROM",
    "S3_BUCKET",
    "S3_REGION",
    "S3_ACCESS_KEY",
    "S3_SECRET_KEY",
    "MAIL_FROM",
)


def load_config(config: FlaskConfig, chosen: str | Mapping | object | None = None) -> None:
    """Fill `config` from the defaults, the chosen class, the environment, the chosen mapping."""
    if chosen is None:
        chosen = os.environ.get("SHOP_CONFIG", "DevelopmentConfig")
    if isinstance(chosen, str):
        chosen = find_class(chosen)
    config.from_mapping(PLACES)
    config.from_object(Config)
    if not isinstance(chosen, Mapping):
        config.from_object(chosen)
    config.from_mapping({key: os.environ[key] for key in (*PLACES, *SECRETS) if key in os.environ})
    if isinstance(chosen, Mapping):
        config.from_mapping(chosen)
    if chosen is ProductionConfig:
        _require_secrets(os.environ)
    _derive(config)


def find_class(name: str) -> type:
    """Return the class of this name in this module, or teach which names there are."""
    found = globals().get(name)
    if isinstance(found, type) and issubclass(found, Config):
        return found
    names = (key for key in globals() if key.endswith("Config") and key != "FlaskConfig")
    raise LookupError(f"shop.config has no class {name!r}; it has {', '.join(sorted(names))}")


def _require_secrets(environ: Mapping[str, str]) -> None:
    missing = [name for name in REQUIRED_IN_PRODUCTION if not environ.get(name)]
    if missing:
        raise RuntimeError(f"ProductionConfig needs the environment to set {', '.join(missing)}")


def _derive(config: FlaskConfig) -> None:
    """Spell one setting in the names that the extensions read, unless they were given."""
    url = config["DATABASE_URL"]
    if url.startswith("postgres://"):  # what some hosts still hand out
        url = url.replace("postgres://", "postgresql://", 1)
    config.setdefault("SQLALCHEMY_DATABASE_URI", url)
    config.setdefault("CACHE_REDIS_URL", config["REDIS_URL"])
    # Celery spells a Unix socket in its own way.
    broker = config["REDIS_URL"].replace("unix://", "redis+socket://", 1)
    config.setdefault("CELERY_BROKER_URL", broker)
