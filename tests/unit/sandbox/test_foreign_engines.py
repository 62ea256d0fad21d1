"""An engine on another kind of database is one on PostgreSQL in a test."""

import importlib.util

import pytest
import sqlalchemy
from sqlalchemy import engine_from_config
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.pool import StaticPool

from flask_assay.sandbox.foreign_engines import patched_create_engine


@pytest.fixture
def patched(monkeypatch):
    for owner, name, value in patched_create_engine(lambda: True):
        monkeypatch.setattr(owner, name, value)


@pytest.mark.parametrize(
    ("url", "database"),
    [
        ("sqlite://", "app"),
        ("sqlite:///:memory:", "memory"),
        ("sqlite:///file:a b?mode=memory&uri=true", "fileab"),
        ("sqlite:////srv/instance/shop.db", "shop.db"),
        ("mysql+pymysql://shop:secret@db.example/shop", "shop"),
    ],
)
def test_its_url_names_the_database_and_no_server_of_the_app(patched, url, database):
    engine = sqlalchemy.create_engine(url)
    assert engine.dialect.name == "postgresql"
    assert (engine.url.host, engine.url.database) == ("sandbox.assay.invalid", database)


def test_what_is_about_the_other_kind_is_left_out(patched):
    arguments = {"poolclass": StaticPool, "connect_args": {"check_same_thread": False}}
    engine = sqlalchemy.create_engine("sqlite://", echo=False, **arguments)
    assert not isinstance(engine.pool, StaticPool)


def test_extensions_that_make_engines_of_a_configuration_are_caught(patched):
    engine = engine_from_config({"sqlalchemy.url": "sqlite:///shop.db"})
    assert engine.dialect.name == "postgresql"


def test_an_async_engine_stays_what_it_is(patched, monkeypatch):
    def asked():
        raise LookupError("its own driver is asked for")

    monkeypatch.setattr(SQLiteDialect_aiosqlite, "import_dbapi", asked)
    with pytest.raises(LookupError):
        sqlalchemy.create_engine("sqlite+aiosqlite:///x.db")


def test_a_url_of_postgresql_stays_as_it_is(patched):
    url = "postgresql+psycopg2://shop@db.example/shop"
    assert sqlalchemy.create_engine(url).url.render_as_string() == url


def test_who_imported_the_function_by_name_gets_its_own_engines_once_nothing_is_caught():
    is_attached = True
    (create_engine,) = {value for _, _, value in patched_create_engine(lambda: is_attached)}
    assert create_engine("sqlite://").dialect.name == "postgresql"
    is_attached = False
    assert create_engine("sqlite://").dialect.name == "sqlite"


@pytest.mark.parametrize("installed", ["psycopg2", "psycopg"])
def test_a_url_that_leaves_the_driver_open_gets_one_that_is_there(patched, monkeypatch, installed):
    there = importlib.util.find_spec
    missing = {"psycopg2", "psycopg"} - {installed}
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name in missing else there(name)
    )
    assert sqlalchemy.create_engine("postgresql://shop@db.example/shop").driver == installed
