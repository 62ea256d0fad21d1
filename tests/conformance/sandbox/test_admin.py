"""What drops databases of ours, on a real server."""

import pytest
from tests.conformance.sandbox.harness import original_connect

from flask_assay.sandbox.admin import Admin

pytestmark = pytest.mark.services


@pytest.mark.parametrize("driver", ["psycopg2", "psycopg"])
def test_a_transaction_that_was_prepared_and_left_does_not_keep_a_database(server, driver):
    admin = Admin(server, original_connect(driver))
    ours, others = (admin.create(f"prepared_{driver}_{number}") for number in range(2))
    for db in (ours, others):
        connection = original_connect(driver)(**server.place(db).parameters())
        connection.cursor().execute("CREATE TABLE thing (id int)")
        connection.cursor().execute(f"PREPARE TRANSACTION 'it''s {db.name}'")
        connection.close()
    admin.drop(ours)
    left = admin.run("SELECT database FROM pg_prepared_xacts")
    assert left == [(others.name,)]
    admin.drop(others)
    names = {name for (name,) in admin.run("SELECT datname FROM pg_database")}
    assert not names & {ours.name, others.name}
    admin.close()
