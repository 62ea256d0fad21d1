"""``app``, ``client`` and ``db``: lent to suites in which nobody defines them."""

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from flask_assay.pytest_plugin.fixtures import app_of
from flask_assay.routing.extension import flask_sqlalchemy_of

__all__ = ["app", "client", "db", "lent"]


@pytest.fixture(scope="session")
def app(assay_app: Any) -> Any:
    """The app that ``assay_app`` names."""
    return assay_app


@pytest.fixture
def client(assay_client: Any) -> Any:
    """A test client of the suite's app."""
    return assay_client


@pytest.fixture
def db(request: pytest.FixtureRequest) -> Iterator[Any]:
    """Flask-SQLAlchemy's ``db``, inside an app context."""
    app = app_of(request)
    with app.app_context():
        yield flask_sqlalchemy_of(app)


def lent(name: str) -> ModuleType:
    """Return a plugin that holds this one fixture."""
    plugin = ModuleType(f"flask_assay_lent_{name}")
    setattr(plugin, name, globals()[name])
    return plugin
