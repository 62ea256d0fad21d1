"""What undone tests leave in tables, indexes and catalogs goes; statistics and plans stay."""

import importlib
from itertools import count
from queue import SimpleQueue

import pytest
from tests.conformance.sandbox.harness import APP_HOST, Ours, make_template

from flask_assay.sandbox.clones import ClonePool
from flask_assay.sandbox.dead_rows import DeadRows, vacuum_grown

pytestmark = pytest.mark.services

SCHEMA = """
CREATE TABLE item (id serial PRIMARY KEY, name text, note text);
CREATE INDEX item_name ON item (name);
CREATE TABLE other (id serial PRIMARY KEY, name text);
CREATE TABLE seeded (id serial PRIMARY KEY, name text);
INSERT INTO seeded (name) SELECT 'name ' || i FROM generate_series(1, 3000) i;
ANALYZE seeded;
-- Known to no statistics, as long as nobody asks for them anew.
INSERT INTO seeded (name) SELECT 'the same' FROM generate_series(1, 1000);
"""
MANY = "INSERT INTO {} (name) SELECT 'name ' || i FROM generate_series(1, 10000) i"
SIZES = "SELECT pg_table_size('item'), pg_indexes_size('item'), pg_relation_size('pg_attribute')"
STATISTICS = """
SELECT relname, relpages, reltuples, (SELECT count(*) FROM pg_statistic),
  (SELECT md5(string_agg(s::text, ',' ORDER BY starelid, staattnum)) FROM pg_statistic s)
FROM pg_class WHERE relname IN ('item', 'other', 'seeded') ORDER BY 1"""
PLAN = "EXPLAIN SELECT * FROM item JOIN seeded USING (name) WHERE seeded.id < 20"
SMALL = 100_000
INDEXES_WITH_ONE_TEST_MORE = 1.6


def always():
    """Dead rows that are looked for at every occasion."""
    seconds = count(step=100)
    return DeadRows(lambda: next(seconds))


class Bench:
    """A sandbox, tests in it, and our own look at its database."""

    def __init__(self, server, driver):
        self.template = make_template(server, driver, SCHEMA)
        self.ours = Ours(server, self.template, driver, "rollback")
        self.sandbox = self.ours.sandbox
        self.sandbox._dead_rows = always()
        self.module = importlib.import_module(driver)

    def test(self, *statements):
        """Run a test; return how many messages it sent."""
        self.sandbox.checkout("test")
        connection = self.connect()
        cursor = connection.cursor()
        for text in statements:
            cursor.execute(text)
        connection.commit()
        connection.close()
        result = self.sandbox.checkin()
        assert not result.signals
        return result.messages

    def connect(self):
        return self.module.connect(host=APP_HOST, dbname="shop", user="app")

    @property
    def db(self):
        (found,) = self.sandbox._databases.values()
        return found

    def ask(self, text):
        return self.sandbox.admin.query(self.db, text)


@pytest.fixture(params=["psycopg2", "psycopg"])
def bench(request, server):
    found = Bench(server, request.param)
    found.test("SELECT 1")
    found.sandbox.tidy()  # from here on it is always due
    yield found
    found.ours.close()


def test_rows_and_index_entries_of_undone_tests_do_not_pile_up(bench):
    sizes = []
    for _ in range(6):
        bench.test(MANY.format("item"), "UPDATE item SET note = repeat(md5(name), 100)")
        bench.sandbox.tidy()
        sizes.extend(bench.ask(SIZES))
    assert max(table for table, _, _ in sizes) < SMALL
    # What an index has grown to it keeps, and uses again.
    assert sizes[5][1] <= sizes[1][1] * INDEXES_WITH_ONE_TEST_MORE


def test_the_catalogs_of_tests_that_make_tables_do_not_pile_up(bench):
    columns = ", ".join(f"c{i} text" for i in range(60))
    tables = [f"CREATE TABLE made_{i} ({columns})" for i in range(60)]
    sizes = []
    for _ in range(4):
        bench.test(*tables)
        bench.sandbox.tidy()
        sizes.extend(bench.ask(SIZES))
    assert sizes[3][2] <= sizes[0][2]


def test_statistics_plans_and_what_a_leak_is_seen_by_stay_as_they_were(bench):
    before, plan = bench.ask(STATISTICS), bench.ask(PLAN)
    bench.test(MANY.format("item"), MANY.format("seeded"), "UPDATE seeded SET name = name || 'x'")
    bench.sandbox._flush()
    assert bench.ask(PLAN) != plan
    bench.sandbox.tidy()
    assert bench.ask(STATISTICS) == before
    assert bench.ask(PLAN) == plan
    assert bench.sandbox.leaked() == []


def test_the_messages_of_a_test_are_its_own(bench):
    insert = "INSERT INTO item (name) VALUES ('x')"
    before = bench.test(insert)
    bench.test(MANY.format("item"))
    bench.sandbox.tidy()
    assert bench.test(insert) == before


@pytest.mark.parametrize("mode", ["ACCESS SHARE", "ACCESS EXCLUSIVE"])
def test_a_table_that_somebody_holds_is_passed_over(bench, mode):
    bench.test(MANY.format("item"), MANY.format("other"))
    bench.sandbox._flush()
    holder, ours = (bench.sandbox.admin.connect(bench.db.name) for _ in range(2))
    try:
        holder.cursor().execute("BEGIN")
        holder.cursor().execute(f"LOCK TABLE item IN {mode} MODE")
        assert vacuum_grown(ours) == ["public.other"]
        holder.cursor().execute("ROLLBACK")
        assert vacuum_grown(ours) == ["public.item"]
    finally:
        holder.close()
        ours.close()


def test_what_a_shared_fixture_wrote_stays_and_its_table_is_passed_over(bench):
    before = bench.ask(STATISTICS)
    bench.sandbox.enter_layer("module")
    connection = bench.connect()
    connection.cursor().execute("INSERT INTO item (name) VALUES ('of the layer')")
    connection.commit()
    connection.close()
    bench.test(MANY.format("item"), MANY.format("other"))
    bench.sandbox.tidy()
    assert bench.ask(STATISTICS) == before
    ((item, other),) = bench.ask("SELECT pg_table_size('item'), pg_table_size('other')")
    assert other < SMALL < item
    bench.sandbox.checkout("sees it")
    connection = bench.connect()
    cursor = connection.cursor()
    cursor.execute("SELECT name FROM item")
    assert cursor.fetchall() == [("of the layer",)]
    connection.close()
    bench.sandbox.checkin()
    bench.sandbox.leave_layer()
    bench.sandbox.tidy()
    assert bench.ask(SIZES)[0][0] < SMALL
    assert bench.ask(STATISTICS) == before


def test_a_clone_that_is_used_again_has_none_either(bench):
    sandbox = bench.sandbox
    pool = ClonePool(sandbox.server, sandbox.attachment.own_connect(), "pool")
    pool._dead_rows = always()
    try:
        pool._stock[bench.template.db.name] = SimpleQueue()
        clone = pool._make(sandbox.admin, bench.template.db, bench.template.facts)
        for _ in range(2):  # the first time it is only remembered
            connection = sandbox.admin.connect(clone.db.name)
            connection.cursor().execute(MANY.format("item"))
            connection.close()
            assert pool._is_reset(sandbox.admin, clone)
        assert sandbox.admin.query(clone.db, SIZES)[0][0] < SMALL
        assert sandbox.admin.query(clone.db, STATISTICS) == bench.ask(STATISTICS)
    finally:
        pool.close()
