import runpy

import pytest
from redis.connection import AbstractConnection
from shop import create_app, db
from shop.config import REQUIRED_IN_PRODUCTION, Config, TestingConfig
from shop.extensions import MIGRATIONS, cache
from sqlalchemy import text


def test_an_app_takes_the_name_of_a_class(environment):
    assert create_app("TestingConfig").testing


def test_an_app_takes_a_class_an_object_or_a_mapping(environment):
    class Mine(Config):
        TOKEN_LIFETIME_DAYS = 1

    for chosen in (Mine, Mine(), {"TOKEN_LIFETIME_DAYS": 1}):
        app = create_app(config=chosen)
        assert app.config["TOKEN_LIFETIME_DAYS"] == 1
        assert app.config["CACHE_TYPE"] == "RedisCache"


def test_an_app_without_a_choice_asks_the_environment(environment, monkeypatch):
    monkeypatch.setenv("SHOP_CONFIG", "TestingConfig")
    assert create_app().testing
    monkeypatch.delenv("SHOP_CONFIG")
    assert not create_app().testing


def test_a_wrong_name_teaches_the_right_ones(environment):
    with pytest.raises(LookupError, match=r"'TestConfig'.*TestingConfig"):
        create_app("TestConfig")


def test_the_environment_says_where_things_are(environment, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://db.example/shop")
    monkeypatch.setenv("REDIS_URL", "unix:///run/redis.sock")
    config = create_app(TestingConfig).config
    assert config["SQLALCHEMY_DATABASE_URI"] == "postgresql://db.example/shop"
    assert config["CACHE_REDIS_URL"] == "unix:///run/redis.sock"
    assert config["CELERY_BROKER_URL"] == "redis+socket:///run/redis.sock"


def test_a_mapping_wins_over_the_environment(environment, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgresql://db.example/shop")
    app = create_app({"SQLALCHEMY_DATABASE_URI": "postgresql://elsewhere/shop"})
    assert app.config["SQLALCHEMY_DATABASE_URI"] == "postgresql://elsewhere/shop"


def test_tests_have_a_database_of_their_own(monkeypatch):
    monkeypatch.delenv("DATABASE_URL", raising=False)
    assert create_app("TestingConfig").config["SQLALCHEMY_DATABASE_URI"].endswith("/shop_test")


def test_production_does_not_start_without_its_secrets(environment, monkeypatch):
    for name in REQUIRED_IN_PRODUCTION:
        if not name.endswith("_URL"):  # where the servers are is set for the whole suite
            monkeypatch.setenv(name, "a-secret")
    create_app("ProductionConfig")
    monkeypatch.delenv("SECRET_KEY")
    with pytest.raises(RuntimeError, match="SECRET_KEY"):
        create_app("ProductionConfig")


def test_nothing_but_production_points_beyond_this_machine(environment, monkeypatch):
    for name in ("PAYMENTS_URL", "SMS_URL", "S3_URL", "MAIL_URL"):
        monkeypatch.delenv(name)
    config = create_app("DevelopmentConfig").config
    for name in ("PAYMENTS_URL", "SMS_URL", "S3_URL", "MAIL_URL"):
        assert "127.0.0.1" in config[name]


def test_two_apps_in_one_process_keep_their_own_settings(environment):
    first = create_app({"S3_BUCKET": "first"})
    second = create_app({"S3_BUCKET": "second"})
    assert (first.config["S3_BUCKET"], second.config["S3_BUCKET"]) == ("first", "second")
    assert first.extensions["celery"] is not second.extensions["celery"]


def test_every_connection_has_a_timeout(app, monkeypatch):
    timeouts = []
    read = AbstractConnection.read_response
    monkeypatch.setattr(
        AbstractConnection,
        "read_response",
        lambda self, *args, **kw: timeouts.append(self.socket_timeout) or read(self, *args, **kw),
    )
    with app.app_context():
        cache.get("anything")
        assert set(timeouts) == {0.5}
        assert db.session.execute(text("SHOW statement_timeout")).scalar() == "5s"
    assert app.extensions["celery"].conf.broker_transport_options["socket_timeout"] == 2.0


def test_every_thread_finds_a_connection_in_the_pool():
    gunicorn = runpy.run_path(str(MIGRATIONS.parent / "gunicorn.conf.py"))
    assert gunicorn["threads"] <= Config.SQLALCHEMY_ENGINE_OPTIONS["pool_size"]
