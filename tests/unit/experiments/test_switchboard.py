"""The switchboard: each request wakes the changes of its own arm and no others."""

import flask
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import Engine
from sqlalchemy.engine.default import DefaultDialect
from sqlalchemy.pool import StaticPool

from flask_assay.experiments.interventions import memo
from flask_assay.experiments.interventions.switchboard import (
    ARM_HEADER,
    SHAPES_HEADER,
    STATEMENTS_HEADER,
    WRITES_HEADER,
    Switchboard,
    shape_mark,
)

ARMS = {
    "base": {"changes": [], "databases": {}},
    "memo": {"changes": [0], "databases": {}},
    "index": {"changes": [], "databases": {"app": "app_x1"}},
}
QUERY = "SELECT 1 WHERE 1 = :a"


@pytest.fixture
def board():
    before = DefaultDialect.do_execute, Engine.raw_connection
    made = Switchboard(ARMS)
    made.attach()
    yield made
    made.detach()
    made.detach()
    assert before == (DefaultDialect.do_execute, Engine.raw_connection)


@pytest.fixture
def engine(board):
    made = sa.create_engine("sqlite://", poolclass=StaticPool)
    yield made
    made.dispose()


@pytest.fixture
def client(board, engine):
    app = flask.Flask(__name__)

    @app.get("/")
    def view():
        with engine.connect() as connection:
            return [connection.scalar(sa.text(QUERY), {"a": 1}) for _ in range(3)]

    @app.get("/writes")
    def writes():
        with engine.begin() as connection:
            connection.execute(sa.text("CREATE TABLE t (a int)"))
            connection.execute(sa.text(" insert INTO t VALUES (1)"))
            connection.execute(sa.text("WITH x AS (SELECT 1 AS a) UPDATE t SET a = 2"))
            connection.execute(sa.text("SELECT a AS update_me FROM t"))
        return ""

    restore = memo.apply(
        app, {"endpoint": "view", "statement": "SELECT ? WHERE ? = ?"}, board.is_on(0)
    )
    app.wsgi_app = board.wrap(app.wsgi_app)
    yield app.test_client()
    restore()


def told(client, arm):
    answer = client.get("/", headers={ARM_HEADER: arm} if arm else {})
    assert answer.json == [1, 1, 1]
    return int(answer.headers[STATEMENTS_HEADER])


def test_a_change_is_in_force_for_its_arm_only_and_statements_are_counted(client):
    assert [told(client, arm) for arm in ("base", "memo", "", "memo", "unknown")] == [3, 1, 3, 1, 3]


def test_a_response_names_the_shapes_of_its_statements_only_if_asked(client):
    asked = client.get("/", headers={SHAPES_HEADER: "1"})
    assert asked.headers[SHAPES_HEADER] == f"{shape_mark('SELECT ? WHERE ? = ?')}=3"
    assert SHAPES_HEADER not in client.get("/").headers


def test_a_response_tells_how_much_was_written_if_anything_was(client):
    assert client.get("/writes").headers[WRITES_HEADER] == "2"
    assert WRITES_HEADER not in client.get("/").headers


def test_an_arm_with_a_copy_connects_to_it_and_the_engine_keeps_its_own(board):
    opened = []

    class Dialect:
        name = "postgresql"

        def connect(self, *given, **named):
            opened.append(named["dbname"])
            return "connection"

    parameters = {"dbname": "app", "host": "/s"}

    def app(environ, start_response):
        return [board._do_connect(Dialect(), None, [], parameters)]

    wrapped = board.wrap(app)
    answers = [wrapped({"HTTP_X_ASSAY_ARM": arm}, None) for arm in ("base", "index", "base")]
    assert answers == [[None], ["connection"], [None]]
    assert opened == ["app_x1"]
    assert parameters["dbname"] == "app"


def test_each_copy_gets_a_pool_of_its_own(board):
    engine = sa.create_engine("postgresql+psycopg2://h/app", pool_size=3)
    one = board._pool(engine.pool, {"app": "app_x1"})
    assert one is board._pool(engine.pool, {"app": "app_x1"})
    assert one is not board._pool(engine.pool, {"app": "app_x2"})
    assert one is not engine.pool
    assert one.size() == 3
