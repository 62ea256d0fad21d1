"""Engines: whatever URL the app uses, the sandboxed database is what it reaches."""

import pytest
import sqlalchemy
from sqlalchemy.engine import make_url
from sqlalchemy.pool import StaticPool

from flask_assay.routing.engines import EngineRouter, url_key
from flask_assay.routing.plan import RoutePlan

PLAN = RoutePlan(host="/sockets", port=5433, user="assay_app", database="app")


def routed(url: str, **arguments):
    return EngineRouter(PLAN).routed(make_url(url), arguments)


def test_a_postgresql_url_keeps_its_driver_and_loses_its_server():
    url, _ = routed("postgresql+psycopg://u:secret@db.prod:5432/shop?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.username, url.password, url.database) == ("assay_app", None, "app")
    assert url.query == {"host": "/sockets", "port": "5433"}


def test_an_engine_on_sqlite_becomes_one_on_postgresql():
    url, kept = routed(
        "sqlite:///:memory:",
        poolclass=StaticPool,
        connect_args={"check_same_thread": False},
        echo=True,
    )
    assert url.get_backend_name() == "postgresql"
    assert kept == {"echo": True}


def test_connect_arguments_about_the_users_server_are_dropped():
    _, kept = routed(
        "postgresql://db/shop", connect_args={"sslmode": "require", "options": "-c x=1"}
    )
    assert kept["connect_args"] == {"options": "-c x=1"}


def test_two_binds_on_one_url_share_a_database_and_another_url_gets_its_own():
    made = []
    router = EngineRouter(PLAN, lambda key, plan: made.append(key) or f"app_{key}")
    first, _ = router.routed(make_url("postgresql://db/shop"), {})
    again, _ = router.routed(make_url("postgresql://other_user@db/shop"), {})
    other, _ = router.routed(make_url("postgresql://db/audit"), {})
    assert first.database == again.database == "app"
    assert other.database == f"app_{url_key(make_url('postgresql://db/audit'))}"
    assert len(made) == 1


def test_a_replica_and_a_pooler_lead_to_the_database_whose_name_they_share():
    router = EngineRouter(PLAN, lambda key, plan: f"app_{key}")
    urls = ("postgresql://primary:5432/shop", "postgresql+psycopg://ro@replica/shop",
            "postgresql://primary:6432/shop", "postgresql://primary:5432")  # fmt: skip
    databases = [router.routed(make_url(url), {})[0].database for url in urls]
    assert databases[:3] == ["app", "app", "app"]
    assert databases[3] != "app"


def test_a_database_that_is_called_like_ours_is_not_taken_for_it():
    router = EngineRouter(PLAN, lambda key, plan: f"app_{key}")
    ours = make_url("postgresql://assay_app@/app?host=/sockets&port=5433")
    assert router.routed(ours, {})[0].database == "app"
    theirs, _ = router.routed(make_url("postgresql://db/app"), {})
    assert theirs.database == f"app_{url_key(make_url('postgresql://db/app'))}"


def test_a_plan_that_knows_the_urls_sends_each_to_its_database():
    key = url_key(make_url("postgresql://db/audit"))
    plan = RoutePlan(host="/s", port=1, user="u", database="app", further={key: "app_audit"})
    url, _ = EngineRouter(plan).routed(make_url("postgresql://db/audit"), {})
    assert url.database == "app_audit"


def test_a_url_that_is_ours_already_is_left_alone():
    mine = make_url("postgresql://assay_app@/app?host=/sockets&port=5433")
    url, kept = routed(str(mine), pool_size=3)
    assert url.query["host"] == "/sockets"
    assert kept == {"pool_size": 3}


@pytest.fixture
def attached():
    router = EngineRouter(PLAN)
    before = sqlalchemy.create_engine
    router.attach()
    router.attach()
    yield router
    router.detach()
    router.detach()
    assert sqlalchemy.create_engine is before


def test_an_engine_made_while_attached_points_at_the_sandbox(attached):
    engine = sqlalchemy.create_engine("mysql://u:p@h/db", pool_size=3)
    assert engine.url.database == "app"
    assert engine.dialect.name == "postgresql"


def test_engine_from_config_is_rerouted_too(attached):
    engine = sqlalchemy.engine_from_config({"url": "postgresql://h/db"}, prefix="")
    assert engine.url.database == "app"


def test_an_engine_on_our_own_url_needs_no_further_database():
    def made(key, plan):
        raise AssertionError("it has one")

    router = EngineRouter(PLAN, made)
    router.routed(make_url("postgresql://db/shop"), {})
    mine = make_url("postgresql://assay_app@/app?host=/sockets&port=5433")
    assert router.routed(mine, {})[0] == mine


def test_the_real_database_on_the_very_server_that_the_user_gave_is_rerouted():
    plan = RoutePlan(host="127.0.0.1", port=5432, user="u", database="shop_1a_assay")
    url, _ = EngineRouter(plan).routed(make_url("postgresql://u:p@127.0.0.1:5432/shop"), {})
    assert url.database == "shop_1a_assay"


def test_an_engine_made_before_is_caught_where_it_connects():
    early = sqlalchemy.create_engine("postgresql://u:p@db.invalid/shop?sslmode=require")
    router = EngineRouter(PLAN)
    router.attach()
    try:
        with pytest.raises(sqlalchemy.exc.OperationalError, match="/sockets"):
            early.connect()
    finally:
        router.detach()


def test_a_url_of_this_run_leads_to_its_copy_where_the_plan_names_a_copy():
    url = "postgresql+psycopg2://app@/app?host=/run/x/s&port=5432"
    first = EngineRouter(RoutePlan("/run/x/s", 5432, "app", "app"), lambda key, plan: "new")
    first.routed(sqlalchemy.engine.make_url(url), {})
    copied = {key: f"{name}_copy" for key, name in first.databases.items()}
    plan = RoutePlan("/run/x/s", 5432, "app", "app_copy", further=copied)
    copy = EngineRouter(plan, lambda key, plan: "new")
    copy.routed(sqlalchemy.engine.make_url("postgresql:///unknown"), {})
    led, _ = copy.routed(sqlalchemy.engine.make_url(url), {})
    assert led.database == "app_copy"
