"""The fixtures, all of them ``assay_*``; the usual names are lent only where nobody has them."""

import contextlib
from collections.abc import Iterator
from typing import Any

import pytest

__all__ = [
    "assay_app",
    "assay_client",
    "assay_db",
    "assay_files",
    "assay_live_server",
    "assay_mail",
    "assay_on_commit",
    "assay_queries",
    "assay_redis",
]

_PLUGIN = "flask-assay-isolation"


def _host(request: pytest.FixtureRequest) -> Any:
    host = request.config.pluginmanager.get_plugin(_PLUGIN)
    if host is None:
        raise pytest.UsageError(
            f"{request.fixturename}: the sandbox is off.\n"
            'Name the app in pytest\'s settings:  assay_app = "shop:create_app"'
        )
    return host


@pytest.fixture(scope="session")
def assay_app(request: pytest.FixtureRequest) -> Any:
    """The app that ``assay_app`` names, made once."""
    host = _host(request)
    app = host.provide().app or host.recipe.load_app()
    if app is None:
        raise pytest.UsageError('assay_app: name the app, for example "shop:create_app"')
    app.config["TESTING"] = True
    return app


def app_of(request: pytest.FixtureRequest) -> Any:
    """Return the suite's own ``app`` where there is one."""
    with contextlib.suppress(pytest.FixtureLookupError):
        return request.getfixturevalue("app")
    return request.getfixturevalue("assay_app")


@pytest.fixture
def assay_client(request: pytest.FixtureRequest) -> Any:
    """A test client of the suite's ``app``, else of the app that ``assay_app`` names."""
    return app_of(request).test_client()


@pytest.fixture
def assay_db(request: pytest.FixtureRequest) -> Any:
    """The test's database: ``gear``, ``url``, ``reset()``, ``down()``, ``sql()``."""
    from flask_assay.pytest_plugin.resources.database import TestDatabase

    return TestDatabase(_host(request))


@pytest.fixture
def assay_queries(request: pytest.FixtureRequest) -> Any:
    """Statements, counted in a ``with`` block that may set a bound (``at_most=3``)."""
    from flask_assay.pytest_plugin.resources.queries import QueryCounter

    return QueryCounter(_host(request).sandbox)


@pytest.fixture
def assay_live_server(request: pytest.FixtureRequest) -> Iterator[Any]:
    """The app behind a real socket, in a thread of this process, in the test's sandbox."""
    from flask_assay.sandbox.resources.live_server import LiveServer

    with LiveServer(app_of(request)) as server:
        yield server


@pytest.fixture
def assay_redis(request: pytest.FixtureRequest) -> Iterator[Any]:
    """A Redis client; every other client of this process reaches the same server."""
    server = _host(request).redis
    yield server.client
    server.empty()


@pytest.fixture
def assay_mail(request: pytest.FixtureRequest) -> Iterator[Any]:
    """What was sent by SMTP during the test, as ``email.message.EmailMessage``."""
    from flask_assay.pytest_plugin.resources.mail import Outbox

    with Outbox() as outbox:
        yield outbox


@pytest.fixture
def assay_on_commit() -> Iterator[Any]:
    """The ``after_commit`` hooks that commits set off: a list; ``with held():`` holds them back."""
    from flask_assay.pytest_plugin.resources.on_commit import CommitHooks

    with CommitHooks() as hooks:
        yield hooks


@pytest.fixture
def assay_files(request: pytest.FixtureRequest, tmp_path: Any) -> Iterator[Any]:
    """Upload folders and instance path of the app, moved to a directory of the test's own."""
    from flask_assay.pytest_plugin.resources.files import moved_folders

    with moved_folders(app_of(request), tmp_path):
        yield tmp_path


@pytest.hookimpl(trylast=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Lend the usual names that no plugin or conftest has taken."""
    if session.config.pluginmanager.get_plugin(_PLUGIN) is None:
        return
    manager = session._fixturemanager
    for name in ("app", "client", "db"):
        if not manager.getfixturedefs(name, session):
            from flask_assay.pytest_plugin import usual

            session.config.pluginmanager.register(usual.lent(name), f"flask-assay-{name}")
