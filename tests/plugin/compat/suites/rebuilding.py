"""A suite that makes and drops its tables itself; `test_rebuilds.py` runs it in projects."""

import pytest
from catalog import Item, create_app, db
from sqlalchemy import DDL, Column, Integer, MetaData, Table, event, inspect, text
from sqlalchemy.exc import ProgrammingError


@pytest.fixture
def app():
    return create_app()


@pytest.fixture
def context(app):
    with app.app_context():
        yield
        db.session.remove()


@pytest.fixture(params=[None, pytest.param(None, marks=pytest.mark.assay(gear="clone"))])
def in_both_gears(request):
    """Run the test in each gear."""


@pytest.fixture
def tables(context):
    db.create_all()
    yield
    db.session.remove()
    db.drop_all()


def add(name):
    db.session.add(Item(name=name))
    db.session.commit()


@pytest.mark.parametrize("turn", range(2))
def test_each_test_begins_without_rows(in_both_gears, tables, turn):
    add("x")
    assert [(one.id, one.name) for one in db.session.query(Item)] == [(1, "x")]


def test_nothing_is_sent(context, assay_queries):
    with assay_queries(exactly=0):
        db.create_all()
        db.drop_all()
        db.create_all()


def test_dropping_in_the_middle_empties_the_tables(in_both_gears, context):
    db.create_all()
    add("before")
    db.session.remove()
    db.drop_all()
    db.create_all()
    add("after")
    assert [(one.id, one.name) for one in db.session.query(Item)] == [(1, "after")]


def test_dropping_twice(tables):
    add("x")
    db.session.remove()
    db.drop_all()
    db.drop_all()


def test_no_ddl_is_sent_for_a_used_database(tables, assay_queries):
    add("x")
    db.session.remove()
    with assay_queries(exactly=0):
        db.drop_all()


def test_an_open_session_does_not_block(tables):
    db.session.add(Item(name="flushed"))
    db.session.flush()
    db.drop_all()
    assert db.session.query(Item).count() == 0


def test_a_table_that_was_dropped_by_itself_is_made_again(context):
    Item.__table__.drop(db.engine)
    db.create_all()
    add("x")


def test_dropping_some_tables_drops_them(context):
    some = MetaData()
    Table("note", some, Column("id", Integer, primary_key=True))
    some.drop_all(db.engine)
    assert inspect(db.engine).get_table_names() == ["item"]


def test_tables_that_the_template_lacks_are_made(context):
    mine = MetaData()
    Table("mine", mine, Column("id", Integer, primary_key=True))
    mine.create_all(db.engine)
    assert inspect(db.engine).has_table("mine")
    mine.drop_all(db.engine)
    assert set(inspect(db.engine).get_table_names()) == {"item", "note"}


@pytest.mark.parametrize("owner", [db.metadata, Item.__table__])
def test_listeners_are_called(context, owner):
    called = []

    def listener(*_, **__):
        called.append(1)

    event.listen(owner, "after_drop", listener)
    try:
        db.metadata.drop_all(db.engine)
    finally:
        event.remove(owner, "after_drop", listener)
    assert called
    assert not inspect(db.engine).has_table("item")


def test_ddl_that_was_attached_is_run(context):
    ddl = DDL("create table beside (id int)")
    event.listen(db.metadata, "after_create", ddl)
    try:
        db.create_all()
    finally:
        event.remove(db.metadata, "after_create", ddl)
    assert inspect(db.engine).has_table("beside")


def test_a_connection_gets_its_ddl(context):
    with db.engine.begin() as connection:
        db.metadata.drop_all(connection)
    assert not inspect(db.engine).has_table("item")


def test_making_without_looking_fails_as_it_would(context):
    with pytest.raises(ProgrammingError, match="already exists"):
        db.metadata.create_all(db.engine, checkfirst=False)


@pytest.fixture(scope="class")
def shared():
    with create_app().app_context():
        add("shared")
        db.session.remove()


class TestSharedRows:
    def test_tables_with_shared_rows_are_dropped(self, shared, context):
        db.drop_all()
        assert not inspect(db.engine).has_table("item")

    def test_shared_rows_are_still_there(self, shared, context):
        assert db.session.execute(text("select name from item")).scalars().all() == ["shared"]
