"""Interventions: what they change, and what they must leave alone."""

import flask
import pytest
import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    Session,
    mapped_column,
    relationship,
    selectinload,
)
from sqlalchemy.pool import QueuePool, StaticPool

from flask_assay.experiments.interventions import (
    batch,
    defer_columns,
    eager_load,
    index,
    memo,
    pool_size,
    response_cache,
    skip_eager_load,
    stand_in,
)
from flask_assay.gather.lab import Databases
from flask_assay.model.owned import OwnedDatabase


class Base(DeclarativeBase):
    pass


class Author(Base):
    __tablename__ = "author"
    id: Mapped[int] = mapped_column(primary_key=True)
    country_id: Mapped[int] = mapped_column(sa.ForeignKey("country.id"))
    country = relationship("Country")


class Country(Base):
    __tablename__ = "country"
    id: Mapped[int] = mapped_column(primary_key=True)


class Post(Base):
    __tablename__ = "post"
    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int] = mapped_column(sa.ForeignKey("author.id"))
    author = relationship("Author")


@pytest.fixture
def engine():
    made = sa.create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(made)
    with Session(made) as session:
        session.add_all([Country(id=n) for n in range(3)])
        session.add_all([Author(id=n, country_id=n % 3) for n in range(9)])
        session.add_all([Post(id=n, author_id=n) for n in range(9)])
        session.commit()
    yield made
    made.dispose()


@pytest.fixture
def statements(engine):
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    return seen


@pytest.fixture
def app(engine):
    made = flask.Flask(__name__)

    @made.get("/posts")
    def posts():
        with Session(engine) as session:
            found = session.scalars(sa.select(Post).order_by(Post.id)).all()
            return [[post.id, post.author.id, post.author.country.id] for post in found]

    @made.get("/other")
    def other():
        with Session(engine) as session:
            return [post.author.id for post in session.scalars(sa.select(Post))]

    return made


@pytest.fixture
def undo():
    """Takes interventions back, as the end of their process does; shows that they can be."""
    from sqlalchemy.engine.default import DefaultDialect

    before = DefaultDialect.do_execute, QueuePool.__init__
    found = []
    yield found.append
    for restore in reversed(found):
        restore()
    assert before == (DefaultDialect.do_execute, QueuePool.__init__)


def test_eager_loading_follows_the_named_relationships_and_keeps_the_answer(app, statements, undo):
    client = app.test_client()
    unchanged = client.get("/posts").json
    lazily = len(statements)
    undo(
        eager_load.apply(
            app, {"endpoint": "posts", "relationships": ["Post.author", "Author.country"]}
        )
    )
    statements.clear()
    assert client.get("/posts").json == unchanged
    assert (lazily, len(statements)) == (13, 3)


def test_eager_loading_leaves_other_endpoints_alone(app, statements, undo):
    client = app.test_client()
    client.get("/other")
    lazily = len(statements)
    undo(eager_load.apply(app, {"endpoint": "posts", "relationship": "Post.author"}))
    statements.clear()
    client.get("/other")
    assert len(statements) == lazily


@pytest.fixture
def executions(monkeypatch):
    """What reaches the driver, below the interventions."""
    from sqlalchemy.engine.default import DefaultDialect

    seen, original = [], DefaultDialect.do_execute

    def do_execute(self, cursor, statement, parameters, context=None):
        seen.append((statement, parameters))
        original(self, cursor, statement, parameters, context)

    monkeypatch.setattr(DefaultDialect, "do_execute", do_execute)
    return seen


def repeating(engine, statements):
    made = flask.Flask(__name__)

    @made.get("/")
    def view():
        with engine.begin() as connection:
            return [
                [list(row) for row in connection.execute(sa.text(sql), values)]
                if sql.startswith("SELECT")
                else connection.execute(sa.text(sql), values).rowcount
                for sql, values in statements
            ]

    return made


COUNT = "SELECT count(*) FROM post WHERE author_id > :a"


def test_a_memo_answers_an_identical_read_once(engine, executions, undo):
    app = repeating(engine, [(COUNT, {"a": 1})] * 4 + [(COUNT, {"a": 2})])
    unchanged = app.test_client().get("/").json
    executions.clear()
    undo(
        memo.apply(
            app, {"endpoint": "view", "statement": "SELECT count(*) FROM post WHERE author_id > ?"}
        )
    )
    assert app.test_client().get("/").json == unchanged == [[[7]]] * 4 + [[[6]]]
    assert len(executions) == 2


def test_a_write_in_between_empties_the_memo(engine, executions, undo):
    app = repeating(
        engine,
        [(COUNT, {"a": 1}), ("DELETE FROM post WHERE id = :i", {"i": 8}), (COUNT, {"a": 1})],
    )
    undo(
        memo.apply(
            app, {"endpoint": "view", "statement": "SELECT count(*) FROM post WHERE author_id > ?"}
        )
    )
    assert app.test_client().get("/").json == [[[7]], 1, [[6]]]


def test_many_executions_become_one_lateral_statement():
    made = batch.batched(
        "SELECT x FROM t WHERE a = %(a)s AND b = %(b)s LIMIT 3",
        [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}, {"a": 3, "b": None}],
    )
    assert made is not None
    sql, arrays = made
    assert "unnest(%s::int8[], %s::text[])" in sql
    assert "LATERAL (SELECT x FROM t WHERE a = k.p0 AND b = k.p1 LIMIT 3)" in sql
    assert arrays == [[1, 2, 3], ["x", "y", None]]


@pytest.mark.parametrize(
    ("statement", "values"),
    [
        ("SELECT 1", [{}] * 5),
        ("SELECT %(a)s", [{"a": 1}] * 2),
        ("SELECT %(a)s", [{"a": b"x"}] * 5),
        ("SELECT %(a)s", [{"a": 1}, {"a": "x"}, {"a": 2}]),
        ("SELECT %(a)s", [{"a": None}] * 5),
    ],
)
def test_what_can_not_be_batched_is_left_alone(statement, values):
    assert batch.batched(statement, values) is None


def test_a_cached_response_is_served_until_its_time_and_per_identity():
    app, calls = flask.Flask(__name__), []

    @app.get("/")
    def view():
        calls.append(1)
        return {"n": len(calls)}

    response_cache.apply(app, {"endpoint": "view", "ttl_s": 60, "per_identity": True})
    client = app.test_client()
    assert [client.get("/").json["n"] for _ in range(3)] == [1, 1, 1]
    assert client.get("/?page=2").json["n"] == 2
    assert client.get("/", headers={"Authorization": "Bearer b"}).json["n"] == 3
    assert client.get("/").json["n"] == 1


@pytest.mark.parametrize("headers", [{"Set-Cookie": "a=b"}, {"Cache-Control": "no-store"}])
def test_a_response_that_must_not_be_cached_is_not(headers):
    app, calls = flask.Flask(__name__), []

    @app.get("/")
    def view():
        calls.append(1)
        return {"n": len(calls)}, 200, headers

    response_cache.apply(app, {"endpoint": "view", "ttl_s": 60})
    client = app.test_client(use_cookies=False)
    assert [client.get("/").json["n"] for _ in range(2)] == [1, 2]


def test_every_pool_gets_the_other_size(undo):
    undo(pool_size.before_import({"pool_size": 7, "max_overflow": 2}))
    engine = sa.create_engine("postgresql+psycopg2://h/d", pool_size=1, max_overflow=0)
    assert (engine.pool.size(), engine.pool._max_overflow) == (7, 2)


def test_names_of_an_index_are_quoted_and_expressions_kept():
    assert index.statement({"table": 'a"b', "columns": ["x", "lower(y)"], "schema": "s"}) == (
        'CREATE INDEX "assay_candidate" ON "s"."a""b" USING btree ("x", lower(y))'
    )


@pytest.mark.parametrize(
    ("sql", "answer"),
    [
        ("SELECT 1", True),
        ("  with x as (select 1) select * from x", True),
        ("SELECT * FROM t FOR UPDATE", False),
        ("SELECT nextval('s')", False),
        ("WITH x AS (DELETE FROM t RETURNING 1) SELECT 1", False),
        ("UPDATE t SET a = 1", False),
    ],
)
def test_only_plain_reads_may_be_answered_from_memory(sql, answer):
    assert stand_in.is_read(sql) is answer


def test_deferred_columns_stay_in_the_database_on_one_endpoint(app, statements):
    call = {"endpoint": "posts", "entity": "Post", "columns": ["author_id", "unknown"]}
    restore = defer_columns.apply(app, call)
    client = app.test_client()
    before = client.get("/other").json
    assert "author_id" in statements[0]
    statements.clear()
    assert client.get("/posts").status_code == 200
    assert "author_id" not in statements[0]
    restore()
    statements.clear()
    client.get("/posts")
    assert "author_id" in statements[0]
    assert client.get("/other").json == before


def test_an_eager_load_is_taken_back_whatever_the_code_asks_for(engine, statements):
    app = flask.Flask(__name__)

    @app.get("/")
    def view():
        with Session(engine) as session:
            wanted = sa.select(Post).options(selectinload(Post.author)).order_by(Post.id)
            return [post.id for post in session.scalars(wanted)]

    client = app.test_client()
    before = client.get("/").json
    assert len(statements) == 2
    restore = skip_eager_load.apply(app, {"endpoint": "view", "relationship": "Post.author"})
    statements.clear()
    assert client.get("/").json == before
    assert len(statements) == 1
    restore()
    statements.clear()
    client.get("/")
    assert len(statements) == 2


class Servers:
    """Databases by the tables that each has; notes what is sent to which."""

    def __init__(self, tables):
        self._tables, self.sent = tables, []
        self.postgres = self

    def next_number(self):
        return 1

    def sql(self, database, text):
        self.sent.append((database.name, text.split()[0]))
        if "to_regclass" in text:
            return [("1",)] if self._tables[database.name] in text else []
        return [("1.0",), ("2.0",)]


@pytest.mark.parametrize(("table", "database"), [("note", "app"), ("event", "app_audit")])
def test_an_index_is_built_in_the_database_that_has_the_table(table, database):
    main, further = (OwnedDatabase(name, None, "", 0, "", "", "") for name in ("app", "app_audit"))
    lab = Servers({"app": '"public"."note"', "app_audit": '"public"."event"'})
    databases = Databases(main, {"k": main, "l": further})
    index.change_database(lab, databases, None, {"table": table, "columns": ["a"]})
    assert {name for name, verb in lab.sent if verb == "VACUUM"} == {database}
