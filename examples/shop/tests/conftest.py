"""Fixtures: one app for the session, clean tables, cache and stubs for each test."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import flask_migrate
import pytest
from factories import PASSWORD, UserFactory
from flask import Flask
from flask.testing import FlaskClient
from shop import create_app, db
from shop.extensions import cache
from shop.models import User
from shop.stubs import Stubs
from sqlalchemy import event, text

pytest_plugins = ["servers"]


@pytest.fixture(scope="session")
def started_stubs() -> Iterator[Stubs]:
    with Stubs() as stubs:
        yield stubs


@pytest.fixture(scope="session")
def environment(servers: dict[str, str], started_stubs: Stubs) -> Iterator[pytest.MonkeyPatch]:
    """What a deployment sets, set for the suite; the developer's own variables do not count."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in (servers | started_stubs.variables).items():
            patch.setenv(name, value)
        yield patch


@pytest.fixture(scope="session")
def app(environment) -> Iterator[Flask]:
    """The app on a migrated database: what is tested is what is deployed."""
    app = create_app("TestingConfig")
    with app.app_context():
        flask_migrate.upgrade()
    yield app
    with app.app_context():
        db.engine.dispose()


@pytest.fixture(autouse=True)
def clean(request: pytest.FixtureRequest) -> Iterator[None]:
    """Empty tables and cache after each test that used the app."""
    yield
    if "app" not in request.fixturenames:
        return
    app = request.getfixturevalue("app")
    tables = ", ".join(table.name for table in db.metadata.sorted_tables)
    with app.app_context():
        db.session.execute(text(f"TRUNCATE {tables} RESTART IDENTITY CASCADE"))
        db.session.commit()
        cache.clear()


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
def create(app: Flask) -> Callable:
    """Return a function that makes rows with a factory.

    Each call has a context of its own. One context around the whole test would be shared by
    the requests in it: the same session, the same `g`, as no server would have it.
    """

    def create(factory, **values):
        with app.app_context():
            return factory(**values)

    return create


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
def user(create) -> User:
    return create(UserFactory)


@pytest.fixture
def buyer(user: User, log_in) -> FlaskClient:
    """A client of the user `user`."""
    return log_in(user)


@pytest.fixture
def statements(app: Flask) -> Callable:
    """Return a context manager that lists the SQL statements sent inside it."""

    @contextmanager
    def listening() -> Iterator[list[str]]:
        sent: list[str] = []

        def note(connection, cursor, statement, *rest):
            sent.append(statement)

        with app.app_context():
            engine = db.engine
        event.listen(engine, "before_cursor_execute", note)
        try:
            yield sent
        finally:
            event.remove(engine, "before_cursor_execute", note)

    return listening


@pytest.fixture
def run(app: Flask) -> Callable:
    """Return a function that runs a task of this app as a worker would, retries included."""

    def run(task, *args):
        return app.extensions["celery"].tasks[task.name].apply(args)

    return run
