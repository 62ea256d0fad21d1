import json
import sqlite3
import threading

import pytest
from flask import Flask, render_template_string
from sqlalchemy import ForeignKey, create_engine, event, insert, select, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.pool import QueuePool

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.probe import sensors
from flask_assay.probe.work import MAX_SPANS

pytestmark = pytest.mark.usefixtures("path")


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    items: Mapped[list["Item"]] = relationship()


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/app.db", poolclass=QueuePool)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Order(items=[Item(), Item()]) for _ in range(4))
        session.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def call(engine):
    """Run a function with a session, as a view of an app."""

    def run(function):
        app = Flask(__name__)
        app.testing = True

        @app.get("/view")
        def view():
            with Session(engine) as session:
                return function(session) or "done"

        with app.test_client().get("/view") as response:
            return response.data

    return run


def spans(rows, *kinds):
    (row,) = [row for row in rows().requests if row.route == "GET /view"]
    return [span for span in row.spans if span.kind in kinds]


def test_a_query_has_its_shape_site_and_connection(probed, call, rows):
    probed()
    call(lambda session: session.execute(text("SELECT *  FROM orders WHERE id = 3")).all() and None)
    (span,) = spans(rows, SpanKind.QUERY)
    assert span.name == "SELECT * FROM orders WHERE id = ?"
    assert span.site.startswith("test_queries.py:")
    assert span.site.endswith(" <lambda>")
    assert span.connection == 1
    assert span.wall_ns > 0


def test_lazy_loads_carry_their_relationship(probed, call, rows):
    probed()
    call(lambda session: str([len(order.items) for order in session.scalars(select(Order))]))
    first, *lazy = spans(rows, SpanKind.QUERY)
    assert first.detail == ""
    assert [span.detail for span in lazy] == ["Order.items"] * 4
    assert len({span.name for span in lazy}) == 1
    assert len({span.digest for span in lazy}) == 4


def test_equal_parameters_have_equal_digests_and_different_ones_do_not(probed, call, rows):
    probed()
    statement = text("SELECT * FROM orders WHERE id = :id")
    call(lambda session: [session.execute(statement, {"id": i}).all() for i in (1, 1, 2)] and None)
    one, again, two = (span.digest for span in spans(rows, SpanKind.QUERY))
    assert one == again != two


def test_parameters_that_cannot_be_hashed_still_have_a_digest():
    digest = sensors.queries._digest
    assert (
        digest(b"s", "x", {"a": [1]})
        == digest(b"s", "x", {"a": [1]})
        != digest(b"s", "x", {"a": [2]})
    )


def test_executions_are_counted_as_the_server_counts_them(probed, call, engine):
    probe = probed()

    def work(session):
        session.execute(text("SELECT 1"))
        session.connection().exec_driver_sql(
            "DELETE FROM items WHERE id = ?", [(101,), (102,), (103,)]
        )
        session.connection().begin_nested().rollback()  # SAVEPOINT is a utility statement

    call(work)
    assert probe.counters()["queries"] == 4


def test_many_executions_are_one_span_that_says_how_many(probed, call, rows):
    probed()
    call(
        lambda s: (
            s.connection().exec_driver_sql("DELETE FROM items WHERE id = ?", [(1,), (2,)]) and None
        )
    )
    (span,) = spans(rows, SpanKind.QUERY)
    assert span.flags & SpanFlag.EXECUTEMANY
    assert span.rows == 2


def test_batched_inserts_count_once_a_batch(probed, call):
    probe = probed()
    values = [{"order_id": 1}] * 5
    call(lambda session: session.scalars(insert(Item).returning(Item.id), values).all() and None)
    assert probe.counters()["queries"] == 1


def test_a_statement_that_fails_is_marked_and_not_counted(probed, call, rows):
    probe = probed()

    def work(session):
        with pytest.raises(OperationalError):
            session.execute(text("SELECT * FROM nowhere"))

    call(work)
    assert probe.counters()["queries"] == 0
    (span,) = spans(rows, SpanKind.QUERY)
    assert span.flags & SpanFlag.ERROR


def test_savepoints_are_told_apart(probed, call, rows):
    probed()
    call(lambda session: session.connection().begin_nested().commit())
    assert [span.name for span in spans(rows, SpanKind.SAVEPOINT)] == [
        "SAVEPOINT sa_savepoint_?",
        "RELEASE SAVEPOINT sa_savepoint_?",
    ]


def test_waiting_for_and_holding_a_connection_are_two_spans(probed, call, rows):
    probed()
    call(lambda session: session.execute(text("SELECT 1")).all() and None)
    wait, held = spans(rows, SpanKind.POOL_WAIT, SpanKind.CONNECTION)
    assert (wait.kind, held.kind) == (SpanKind.POOL_WAIT, SpanKind.CONNECTION)
    assert wait.connection == held.connection == 1
    assert held.start_ns >= wait.start_ns + wait.wall_ns


def test_opening_a_connection_is_a_span(probed, call, rows, engine):
    engine.dispose()
    probed()
    call(lambda session: session.execute(text("SELECT 1")).all() and None)
    assert len(spans(rows, SpanKind.CONNECT)) == 1


def test_only_a_real_transaction_ends(probed, call, rows):
    probed()

    def work(session):
        session.execute(text("SELECT 1"))
        session.commit()  # sqlite3 begins with the first write
        session.execute(text("DELETE FROM items WHERE id = 1"))
        session.commit()
        session.execute(text("DELETE FROM items WHERE id = 2"))
        session.rollback()

    call(work)
    ends = spans(rows, SpanKind.COMMIT, SpanKind.ROLLBACK)
    assert [span.kind for span in ends] == [SpanKind.COMMIT, SpanKind.ROLLBACK]
    assert all(span.flags & SpanFlag.IN_TRANSACTION for span in ends)


def test_call_sites_are_sampled_after_the_first(probed, call, rows):
    probed(call_site_first=3, call_site_every=5)
    call(lambda session: [session.execute(text("SELECT 1")).all() for _ in range(12)] and None)
    known = [index for index, span in enumerate(spans(rows, SpanKind.QUERY)) if span.site]
    assert known == [0, 1, 2, 5, 10]


def test_call_sites_can_be_left_out(probed, call, rows):
    probed(call_sites=False)
    call(lambda session: session.execute(text("SELECT 1")).all() and None)
    assert spans(rows, SpanKind.QUERY)[0].site == ""


def test_a_query_of_a_template_names_the_templates_line(probed, call, rows):
    probed()
    page = "first\n{% for order in orders %}\n{{ order.items|length }}\n{% endfor %}"
    call(lambda session: render_template_string(page, orders=session.scalars(select(Order)).all()))
    assert [span.site for span in spans(rows, SpanKind.QUERY)][1:] == ["<template>:3 template"] * 4


def test_spans_beyond_the_cap_are_dropped_and_counted(probed, call, rows):
    probe = probed(call_sites=False)
    sent = MAX_SPANS + 4
    call(lambda session: [session.execute(text("SELECT 1")).all() for _ in range(sent)] and None)
    assert probe.counters()["queries"] == sent
    (row,) = [row for row in rows().requests if row.route == "GET /view"]
    assert len(row.spans) == MAX_SPANS
    assert row.dropped_count == probe.counters()["spans_dropped"] > 3


def ask(engine):
    with engine.connect() as connection:
        connection.execute(text("SELECT 1")).close()


def test_work_outside_of_requests_goes_to_the_background(probed, engine, rows):
    probed()
    threads = [threading.Thread(target=ask, args=(engine,)) for _ in range(3)]
    [t.start() for t in threads], [t.join() for t in threads]
    (row,) = rows().requests
    assert row.route == "(background)"
    assert len([span for span in row.spans if span.kind == SpanKind.QUERY]) == 3


def test_a_thread_of_a_request_is_not_that_request(probed, call, engine, rows):
    def work(session):
        thread = threading.Thread(target=ask, args=(engine,))
        thread.start(), thread.join()

    probed()
    call(work)
    found = {
        row.route: [s for s in row.spans if s.kind == SpanKind.QUERY] for row in rows().requests
    }
    assert (len(found["GET /view"]), len(found["(background)"])) == (0, 1)


def test_values_go_to_the_private_file_only(probed, call, tmp_path, monkeypatch):
    monkeypatch.setattr("flask_assay.probe.statements._with_values", lambda c, s, p: f"{s} -- {p}")
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    probe = probed(private_dir=private)
    statement = text("SELECT * FROM orders WHERE id = :id")
    call(
        lambda session: (
            [session.execute(statement, {"id": 77770 + i}).all() for i in range(5)] and None
        )
    )
    probe.flush()
    (file,) = private.iterdir()
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line["statement"] for line in lines] == ["SELECT * FROM orders WHERE id = ?"] * 3
    assert ["77770" in line["sql"] for line in lines] == [True, False, False]
    (recorded,) = tmp_path.glob("probe-*.rows")
    assert b"7777" not in recorded.read_bytes()


def test_the_apps_own_events_still_see_everything(probed, call, engine):
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    probed()
    call(lambda session: session.execute(text("SELECT 1")).all() and None)
    assert seen == ["SELECT 1"]


@pytest.mark.parametrize("told", [None, -1, 2**40])
def test_a_driver_that_does_not_know_how_many_rows_is_believed(probed, call, rows, told):
    class Cursor:
        rowcount = told

        def execute(self, *_):
            pass

    def view(session):
        for _ in range(2):  # the first time a text is learned
            session.get_bind().dialect.do_execute(Cursor(), "SELECT 1", ())

    probed()
    call(view)
    assert [span.rows for span in spans(rows, SpanKind.QUERY)] == [-1, -1]


def test_every_argument_of_create_engine_is_still_accepted(probed, tmp_path):
    probed()
    engine = create_engine(f"sqlite:///{tmp_path}/other.db", isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    engine.dispose()


def test_a_dialect_that_is_made_later_is_covered_and_given_back(probed, rows):
    from sqlalchemy.engine.default import DefaultDialect

    probed()

    class Late(DefaultDialect):
        def do_execute(self, cursor, statement, parameters, context=None):
            return None

    covered = Late.do_execute
    rows()
    assert covered is not Late.do_execute
    assert "__init_subclass__" not in vars(DefaultDialect)


@pytest.mark.parametrize("is_mixin", [False, True])
@pytest.mark.parametrize("how", ["passed on", "with a comment", "its own way"])
@pytest.mark.parametrize("method", ["do_execute", "do_execute_no_params"])
def test_an_override_is_counted_once_whether_or_not_it_calls_what_it_overrides(
    probed, call, rows, engine, method, how, is_mixin
):
    """In requests and outside of them."""
    kind = type(engine.dialect)
    told = ((),) if method == "do_execute" else ()

    def send(self, cursor, query, *_):
        if how == "its own way":
            return cursor.execute(query)
        query = query if how == "passed on" else f"/* ours */ {query}"
        return getattr(kind, method)(self, cursor, query, *told)

    def view(session):
        connection = session.connection().connection.dbapi_connection
        mixin = (type("Mixin", (), {method: send}),) if is_mixin else ()
        dialect = type("Theirs", (*mixin, kind), {} if is_mixin else {method: send})()
        for query in ("SELECT 1", "SELECT 1", "SELECT 2"):
            getattr(dialect, method)(connection.cursor(), query, *told)
        with pytest.raises(sqlite3.OperationalError):
            getattr(dialect, method)(connection.cursor(), "SELECT missing", *told)

    probe = probed()
    call(view)
    with Session(engine) as session:
        view(session)
    assert probe.counters()["queries"] == 6
    recorded = rows().requests
    assert [row.route for row in recorded] == ["GET /view", "(background)"]
    for row in recorded:
        sent = [span for span in row.spans if span.kind == SpanKind.QUERY]
        assert [bool(span.flags & SpanFlag.ERROR) for span in sent] == [False, False, False, True]
        assert {span.connection for span in sent} == {1}


def test_a_refresh_after_a_commit_is_told_from_other_reads(probed, rows, call):
    probed()

    def view(session):
        order = session.get(Order, 1)
        session.commit()
        assert order.id == 1
        session.get(Order, 2)

    call(view)
    [request] = [row for row in rows().requests if row.route == "GET /view"]
    details = [span.detail for span in request.spans if span.kind is SpanKind.QUERY]
    assert details == ["", "Order (expired)", ""]


def test_who_opens_a_connection_is_named_on_its_checkout(probed, rows, tmp_path):
    probed()
    other = create_engine(f"sqlite:///{tmp_path}/other.db", poolclass=QueuePool)
    app = Flask(__name__)

    @app.get("/twice")
    def twice():
        for _ in range(2):
            other.connect().close()
        return ""

    app.test_client().get("/twice")
    other.dispose()
    [request] = [row for row in rows().requests if row.route == "GET /twice"]
    sites = [span.site for span in request.spans if span.kind is SpanKind.POOL_WAIT]
    assert sites[0].endswith(" twice")
    assert sites[1] == ""
