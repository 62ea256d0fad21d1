"""PostgreSQL and Redis for the suite, started for it and gone with it.

This is the only module that knows where the servers come from.
"""

from collections.abc import Iterator

import pytest

from flask_assay.services.postgres import provision_postgres
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor
from flask_assay.services.valkey import provision_valkey


@pytest.fixture(scope="session")
def servers() -> Iterator[dict[str, str]]:
    """The environment variables that say where the servers are."""
    with RunDirectory.create() as run, Supervisor(run) as supervisor:
        postgres = provision_postgres(supervisor, purpose="tests")
        valkey = provision_valkey(supervisor)
        yield {
            "DATABASE_URL": postgres.url(postgres.create_database("shop_test")),
            "REDIS_URL": valkey.url(),
        }
