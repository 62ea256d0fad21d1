"""The shop on a real PostgreSQL and a real Valkey, seeded once with a small shop's data."""

import sys
from pathlib import Path

import pytest

from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey

PROJECT = Path(__file__).parents[1]
sys.path.insert(0, str(PROJECT))

SCALE = 0.05


@pytest.fixture(scope="session")
def addresses():
    with RunDirectory.create() as run, Supervisor(run) as supervisor:
        postgres = provision_postgres(supervisor, purpose="tests")
        yield {
            "SQLALCHEMY_DATABASE_URI": postgres.url(postgres.create_database("shop")),
            "REDIS_URL": provision_valkey(supervisor).url(),
        }


@pytest.fixture(scope="session")
def app(addresses):
    from legacy_shop import create_app, stubs
    from legacy_shop.extensions import db
    from legacy_shop.seeds import seed

    with stubs.start() as environment:
        app = create_app(
            {**addresses, **environment, "CACHE_REDIS_URL": addresses["REDIS_URL"], "TESTING": True}
        )
        with app.app_context():
            db.create_all()
            seed(SCALE)
        yield app
        with app.app_context():
            db.engine.dispose()
        reporting = app.extensions.get("reporting")
        if reporting is not None:
            from legacy_shop.views.admin import per_thread

            per_thread.connection.close()
            del per_thread.connection
            reporting.dispose()


@pytest.fixture
def client(app):
    return app.test_client()


@pytest.fixture
def signed_in(app):
    """A client whose requests carry the token of an administrator."""
    from legacy_shop.seeds import PASSWORD

    client = app.test_client(use_cookies=False)
    token = client.post("/login", json={"username": "user1", "password": PASSWORD}).json["token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client
