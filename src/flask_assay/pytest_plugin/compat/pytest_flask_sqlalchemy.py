"""In place of pytest-flask-sqlalchemy 1.1: ``db_session`` and ``db_engine`` of the app itself.

The sandbox isolates, below every session and engine, so nothing is mocked. What remains is
that test and app share one session, whose objects outlive a request.
"""

import contextlib
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from flask_assay.pytest_plugin.fixtures import app_of
from flask_assay.routing.extension import flask_sqlalchemy_of

__all__ = ["db_engine", "db_session"]


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the ini keys."""
    parser.addini("mocked-engines", "accepted; every engine is in the sandbox", type="args")
    for key in ("mocked-sessions", "mocked-sessionmakers"):
        parser.addini(key, "names that lead to db_session during a test", type="args")


@pytest.fixture
def _db(request: pytest.FixtureRequest) -> Any:
    """The app's Flask-SQLAlchemy object, for suites that define no ``_db``."""
    with contextlib.suppress(pytest.FixtureLookupError, pytest.UsageError):
        database = flask_sqlalchemy_of(app_of(request))
        if database is not None:
            return database
    raise NotImplementedError(
        "_db fixture not defined, and the app has no Flask-SQLAlchemy. Define a fixture _db "
        "that returns the SQLAlchemy object."
    )


@pytest.fixture
def _session(
    request: pytest.FixtureRequest, _db: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Any]:
    """The app's scoped session, one for the whole test."""
    from flask import has_app_context

    with contextlib.nullcontext() if has_app_context() else app_of(request).app_context():
        session = _db.session
        with _kept_open(session):
            for path in request.config.getini("mocked-sessions"):
                monkeypatch.setattr(path, session)
            for path in request.config.getini("mocked-sessionmakers"):
                monkeypatch.setattr(path, _SessionMaker(session))
            yield session


@pytest.fixture
def _engine(_db: Any, _session: Any) -> Any:
    """The app's engine."""
    return _db.engine


@pytest.fixture
def _transaction(_session: Any) -> Any:
    """Connection, transaction and session, for fixtures that ask for them."""
    connection = _session.connection()
    return connection, connection.get_transaction(), _session


@pytest.fixture
def db_session(_session: Any) -> Any:
    """The session that test and app share."""
    return _session


@pytest.fixture
def db_engine(_engine: Any) -> Any:
    """The app's engine."""
    return _engine


class _SessionMaker:
    """Makes no session, but gives the shared one."""

    def __init__(self, session: Any) -> None:
        self._session = session

    def __call__(self, **options: Any) -> Any:
        return self._session

    def configure(self, **options: Any) -> None:
        """Nothing to configure."""


@contextlib.contextmanager
def _kept_open(session: Any) -> Iterator[None]:
    """Share one session between a test and the requests it makes, past the end of these.

    Flask-SQLAlchemy has a session per app context and removes it with the context. Other
    threads, as those of a live server, have sessions of their own and do remove them.
    """
    from sqlalchemy.util import ThreadLocalRegistry

    registry, remove, close = session.registry, session.remove, session.close
    owner = threading.get_ident()

    def elsewhere(end: Any) -> Any:
        return lambda: end() if threading.get_ident() != owner else None

    session.registry = ThreadLocalRegistry(session.session_factory)
    session.remove, session.close = elsewhere(remove), elsewhere(close)
    try:
        yield
    finally:
        del session.remove, session.close
        session.remove()
        session.registry = registry
