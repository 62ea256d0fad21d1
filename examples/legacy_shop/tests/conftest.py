"""The shop on a real PostgreSQL and a real Valkey; rows and settings: `pyproject.toml`."""

import pytest


@pytest.fixture(scope="session")
def app(assay_app):
    """The app that `pyproject.toml` names, with stubs in place of other services."""
    from legacy_shop import stubs

    with stubs.start() as environment:
        assay_app.config.update(environment)
        yield assay_app


@pytest.fixture
def signed_in(app):
    """A client whose requests carry the token of an administrator."""
    from legacy_shop.seeds import PASSWORD

    client = app.test_client(use_cookies=False)
    token = client.post("/login", json={"username": "user1", "password": PASSWORD}).json["token"]
    client.environ_base["HTTP_AUTHORIZATION"] = f"Bearer {token}"
    return client
