"""Fixtures: the app with stubs for other services, clients of it, and rows.

The database, the cache and their isolation come from flask-assay: see `pyproject.toml`.
"""

from collections.abc import Callable, Iterator

import pytest
from factories import PASSWORD, UserFactory
from flask import Flask
from flask.testing import FlaskClient
from shop.models import User
from shop.stubs import Stubs


@pytest.fixture(scope="session")
def started_stubs() -> Iterator[Stubs]:
    with Stubs() as stubs:
        yield stubs


@pytest.fixture(scope="session")
def app(assay_app: Flask, started_stubs: Stubs) -> Flask:
    """The app that `pyproject.toml` names, with stubs in place of other services."""
    assay_app.config.update(started_stubs.variables)
    return assay_app


@pytest.fixture
def environment(monkeypatch, started_stubs: Stubs) -> pytest.MonkeyPatch:
    """What a deployment sets; the developer's own variables do not count."""
    places = {"DATABASE_URL": "postgresql://db.example/shop", "REDIS_URL": "redis://cache.example"}
    for name, value in (places | started_stubs.variables).items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.fixture
def stubs(started_stubs: Stubs) -> Iterator[Stubs]:
    """Payments, SMS, S3 and mail, with nothing scripted yet."""
    started_stubs.clear()
    yield started_stubs
    started_stubs.clear()


@pytest.fixture
def client(app: Flask, stubs: Stubs) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def log_in(app: Flask, stubs: Stubs) -> Callable[[User], FlaskClient]:
    """Return a function that gives a client with the token of this user."""

    def log_in(user: User) -> FlaskClient:
        client = app.test_client()
        answer = client.post("/login", json={"username": user.username, "password": PASSWORD})
        client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {answer.json['token']}"
        return client

    return log_in


@pytest.fixture
def user() -> User:
    return UserFactory()


@pytest.fixture
def buyer(user: User, log_in) -> FlaskClient:
    """A client of the user `user`."""
    return log_in(user)


@pytest.fixture
def run(app: Flask) -> Callable:
    """Return a function that runs a task of this app as a worker would, retries included."""

    def run(task, *args):
        return app.extensions["celery"].tasks[task.name].apply(args)

    return run
