"""How many messages a test costs, ours included: never more than production's."""

import importlib

import pytest
from tests.conformance.sandbox.harness import APP_HOST, Ours, make_template

pytestmark = pytest.mark.services

INSERT = "INSERT INTO plain (name) VALUES ('x')"
READ = "SELECT count(*) FROM plain"


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def ours(request, server):
    schema = "CREATE TABLE plain (id serial PRIMARY KEY, name text)"
    found = Ours(server, make_template(server, request.param, schema), request.param, "rollback")
    yield found
    found.close()


def messages(ours, *transactions):
    """Count what goes out for transactions, each a list of statements and its ending."""
    module = importlib.import_module(ours.driver)
    for _ in range(2):  # the first test of all has no rollback of another to take along
        ours.sandbox.checkout("test")
        connection = module.connect(host=APP_HOST, dbname="shop", user="app")
        for *statements, ending in transactions:
            for text in statements:
                connection.cursor().execute(text)
            getattr(connection, ending)()
        connection.close()
        result = ours.sandbox.checkin()
        assert not result.signals
    return result.messages


def in_production(*transactions):
    """BEGIN, the statements, and COMMIT or ROLLBACK."""
    return sum(len(transaction) + 1 for transaction in transactions)


@pytest.mark.parametrize(
    ("transactions", "count"),
    [
        ([], 0),
        ([["commit"]], 0),
        ([[READ, "commit"]], 2),
        ([[INSERT, "commit"]], 2),
        ([[INSERT, READ, "rollback"]], 4),
        ([[INSERT, "commit"], [INSERT, "commit"]], 4),
        ([[INSERT, "commit"], [READ, "commit"], [READ, "commit"]], 6),
        ([[READ, "rollback"], [INSERT, INSERT, "commit"], [READ, "rollback"]], 6),
    ],
)
def test_a_test_sends_no_more_than_production(ours, transactions, count):
    assert messages(ours, *transactions) == count
    assert count <= in_production(*transactions)
