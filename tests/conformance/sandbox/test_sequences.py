"""Ids are the template's in every test, whatever moved a sequence in the one before."""

import importlib

import pytest
from tests.conformance.sandbox.harness import APP_HOST, Ours, make_template

pytestmark = pytest.mark.services

SCHEMA = """
CREATE TABLE plain (id serial PRIMARY KEY, name text UNIQUE);
CREATE TABLE other (id serial PRIMARY KEY, name text);
CREATE TABLE "Odd-Name" (id serial PRIMARY KEY, name text);
CREATE TABLE seeded (id serial PRIMARY KEY, name text);
INSERT INTO seeded (name) VALUES ('a'), ('b');
CREATE SEQUENCE free START 100;
CREATE TABLE audited (id serial PRIMARY KEY, name text);
CREATE TABLE audit (id serial PRIMARY KEY, name text);
CREATE FUNCTION audits() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO audit (name) VALUES (NEW.name); RETURN NEW; END $$;
CREATE TRIGGER audits AFTER INSERT ON audited FOR EACH ROW EXECUTE FUNCTION audits();
CREATE VIEW plain_view AS SELECT * FROM plain;
CREATE TABLE measured (id bigint GENERATED ALWAYS AS IDENTITY, day date NOT NULL)
    PARTITION BY RANGE (day);
CREATE TABLE measured_2026 PARTITION OF measured FOR VALUES FROM ('2026-01-01') TO ('2027-01-01');
CREATE TABLE hidden (id integer DEFAULT nextval('free'), name text);
CREATE DOMAIN numbered AS integer DEFAULT nextval('free');
CREATE TABLE by_domain (id numbered, name text);
CREATE FUNCTION next_free() RETURNS bigint LANGUAGE sql AS $$ SELECT nextval('free') $$;
CREATE TABLE by_function (id integer DEFAULT next_free(), name text);
CREATE PROCEDURE fills() LANGUAGE sql AS $$ INSERT INTO other (name) VALUES ('p') $$;
"""
STATE = """SELECT schemaname || '.' || sequencename, last_value FROM pg_sequences ORDER BY 1"""

MOVES = {
    "insert": ["INSERT INTO plain (name) VALUES ('x')"],
    "failed insert": ["INSERT INTO plain (id, name) VALUES (DEFAULT, 'x'), (DEFAULT, 'x')"],
    "insert in a string": ["SELECT 1; INSERT INTO plain (name) VALUES ('x'); SELECT 2"],
    "insert with a comment": ["/* a */ insert into -- b\n PLAIN (name) VALUES ('x')"],
    "insert in WITH": ["WITH n AS (INSERT INTO plain (name) VALUES ('x') RETURNING id) TABLE n"],
    "quoted table": ["INSERT INTO \"Odd-Name\" (name) VALUES ('x')"],
    "qualified table": ["INSERT INTO public.other (name) VALUES ('x')"],
    "update to the default": ["UPDATE seeded SET id = DEFAULT"],
    "nextval": ["SELECT nextval('free')"],
    "setval": ["SELECT setval('plain_id_seq', 70)", "SELECT setval('other_id_seq', 1, false)"],
    "setval unused": ["SELECT setval('seeded_id_seq', 2, false)"],
    "trigger": ["INSERT INTO audited (name) VALUES ('x')"],
    "view": ["INSERT INTO plain_view (name) VALUES ('x')"],
    "partitioned": ["INSERT INTO measured (day) VALUES ('2026-05-01')"],
    "partition": ["INSERT INTO measured_2026 (id, day) VALUES (DEFAULT, '2026-05-01')"],
    "default of another table": ["INSERT INTO hidden (name) VALUES ('x')"],
    "domain": ["INSERT INTO by_domain (name) VALUES ('x')"],
    "function in a default": ["INSERT INTO by_function (name) VALUES ('x')"],
    "function": ["SELECT next_free()"],
    "call": ["CALL fills()"],
    "do block": ["DO $$ BEGIN INSERT INTO other (name) VALUES ('x'); END $$"],
    "prepared": ["PREPARE p AS INSERT INTO other (name) VALUES ('x')", "EXECUTE p", "DEALLOCATE p"],
    "restart": ["ALTER SEQUENCE seeded_id_seq RESTART WITH 50", "SELECT nextval('seeded_id_seq')"],
    "truncate": ["TRUNCATE seeded RESTART IDENTITY", "INSERT INTO seeded (name) VALUES ('x')"],
    "trigger made in the test": [
        "CREATE TRIGGER late AFTER INSERT ON other FOR EACH ROW EXECUTE FUNCTION audits()",
        "INSERT INTO other (name) VALUES ('x')",
    ],
    "rule made in the test": [
        "CREATE RULE late AS ON INSERT TO other DO ALSO INSERT INTO plain (name) VALUES ('r')",
        "INSERT INTO other (name) VALUES ('x')",
    ],
    "merge": [
        """MERGE INTO plain USING seeded ON plain.name = seeded.name
        WHEN NOT MATCHED THEN INSERT (name) VALUES (seeded.name)"""
    ],
    "many": [f"INSERT INTO {name} (name) VALUES ('x')" for name in ("plain", "other", "seeded")],
}


class Bench:
    """A sandbox and our own look at its database."""

    def __init__(self, ours):
        self.ours, self.sandbox = ours, ours.sandbox
        self._module = importlib.import_module(ours.driver)

    def connection(self):
        return self._module.connect(host=APP_HOST, dbname="shop", user="app")

    def send(self, connection, *statements):
        for text in statements:
            cursor = connection.cursor()
            try:
                cursor.execute(text)
            except self._module.Error:
                connection.rollback()
            finally:
                cursor.close()

    def state(self):
        self.sandbox._flush()
        (db,) = self.sandbox._databases.values()
        return self.sandbox.admin.query(db, STATE)


@pytest.fixture(scope="module", params=["psycopg2", "psycopg"])
def bench(request, server):
    ours = Ours(server, make_template(server, request.param, SCHEMA), request.param, "rollback")
    ours.sandbox.checkout("first")
    found = Bench(ours)
    found.send(found.connection(), "SELECT 1")
    ours.sandbox.checkin()
    yield found
    ours.close()


@pytest.fixture(scope="module")
def pristine(bench):
    return bench.state()


@pytest.mark.parametrize("ending", ["commit", "rollback", "close"])
@pytest.mark.parametrize("name", MOVES)
def test_a_moved_sequence_is_put_back(bench, pristine, name, ending):
    bench.sandbox.checkout(name)
    connection = bench.connection()
    bench.send(connection, *MOVES[name])
    getattr(connection, ending)()
    result = bench.sandbox.checkin()
    assert {signal.reason for signal in result.signals} <= {"prepare"}
    assert bench.state() == pristine


def test_a_test_above_a_layer_starts_from_the_ids_of_the_layer(bench, pristine):
    sandbox = bench.sandbox
    sandbox.enter_layer("module")
    connection = bench.connection()
    bench.send(connection, "INSERT INTO plain (name) VALUES ('of the layer')")
    connection.commit()
    connection.close()
    for turn in range(3):
        sandbox.checkout(f"test {turn}")
        connection = bench.connection()
        cursor = connection.cursor()
        cursor.execute("INSERT INTO plain (name) VALUES ('of the test') RETURNING id")
        assert cursor.fetchone()[0] == 2
        cursor.execute("INSERT INTO seeded (name) VALUES ('of the test') RETURNING id")
        assert cursor.fetchone()[0] == 3
        connection.commit()
        connection.close()
        sandbox.checkin()
    sandbox.leave_layer()
    assert bench.state() == pristine


def test_a_layer_within_a_layer_goes_back_to_the_outer_ones_ids(bench, pristine):
    sandbox = bench.sandbox

    def insert(names):
        connection = bench.connection()
        cursor = connection.cursor()
        for name in names:
            cursor.execute("INSERT INTO plain (name) VALUES (%s) RETURNING id", [name])
        connection.commit()
        connection.close()
        return cursor

    sandbox.enter_layer("module")
    insert("ab")
    for _ in range(2):
        sandbox.enter_layer("class")
        insert("cde")
        sandbox.checkout("test")
        insert("fg")
        sandbox.checkin()
        sandbox.leave_layer()
    sandbox.checkout("test after the classes")
    connection = bench.connection()
    cursor = connection.cursor()
    cursor.execute("INSERT INTO plain (name) VALUES ('last') RETURNING id")
    assert cursor.fetchone()[0] == 3
    sandbox.checkin()
    sandbox.leave_layer()
    assert bench.state() == pristine
