"""A batched statement on a real server: routes that write learn and batch as others do."""

import flask
import pytest
import sqlalchemy as sa
from sqlalchemy.engine.default import DefaultDialect

from flask_assay.experiments.interventions import batch

COUNT = "SELECT count(*) FROM b WHERE a = ?"
WORDS = "SELECT word FROM b WHERE a = ? ORDER BY word"
ROWS = "CREATE TABLE b AS SELECT i % 5 AS a, 'w' || i AS word FROM generate_series(1, 20) i"


@pytest.fixture
def engine(shared):
    database = shared.create_database("batched")
    made = sa.create_engine(shared.url(database, driver="psycopg2"))
    with made.begin() as connection:
        for each in ("CREATE TABLE seen AS SELECT 0 AS at", ROWS):
            connection.execute(sa.text(each))
    yield made
    made.dispose()
    shared.drop_database(database)


@pytest.fixture
def ask(engine, monkeypatch):
    """Ask a view that notes when it was asked, then counts and reads in a loop."""
    app = flask.Flask(__name__)

    @app.route("/", methods=["GET", "POST"])
    def view():
        wanted = flask.request.json if flask.request.is_json else range(5)
        found = []
        with engine.begin() as connection:
            connection.execute(sa.text("UPDATE seen SET at = at + 1"))
            for key in wanted:
                by = {"a": key}
                count = connection.scalar(sa.text(COUNT.replace("?", ":a")), by)
                words = connection.scalars(sa.text(WORDS.replace("?", ":a")), by)
                found.append([count, *words])
                if flask.request.args and key == 1:
                    connection.execute(sa.text("UPDATE b SET word = 'x' WHERE a = 3"))
        return found

    executed = []
    real = DefaultDialect.do_execute

    def do_execute(self, cursor, statement, parameters, context=None):
        executed.append(statement)
        real(self, cursor, statement, parameters, context)

    monkeypatch.setattr(DefaultDialect, "do_execute", do_execute)
    undo = [batch.apply(app, {"endpoint": "view", "statement": shape}) for shape in (COUNT, WORDS)]
    client = app.test_client()

    def ask(path="/", **named):
        executed.clear()
        return client.open(path, **named).json, len(executed)

    yield ask
    for each in reversed(undo):
        each()


def test_a_route_that_writes_first_is_batched_and_two_statements_do_not_meet(ask):
    rows = [[4, *sorted(f"w{n}" for n in range(1, 21) if n % 5 == key)] for key in range(5)]
    assert ask() == (rows, 11)
    assert ask() == (rows, 3)


def test_what_is_written_between_the_reads_is_seen(ask):
    first, _ = ask("/?write=1")
    assert first[3][1:] == ["x"] * 4
    assert ask("/?write=1")[0] == first


def test_bodies_tell_requests_of_one_path_apart(ask):
    for keys in ([0, 1, 2], [4, 3, 2, 1]):
        assert ask(method="POST", json=keys)[1] == 1 + 2 * len(keys)
        assert ask(method="POST", json=keys)[1] == 3
