"""The probe's count of executions is PostgreSQL's own, for both drivers."""

import json
from pathlib import Path

import pytest
from sqlalchemy import ForeignKey, create_engine, insert, select, text, update
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from flask_assay.model.rows import SpanFlag, SpanKind
from flask_assay.model.sql_shape import is_counted
from flask_assay.probe import ProbePlan, attach, detach
from flask_assay.recording.reader import Recording


class Base(DeclarativeBase):
    pass


class Order(Base):
    __tablename__ = "orders"
    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str | None]
    items: Mapped[list["Item"]] = relationship()


class Item(Base):
    __tablename__ = "items"
    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))


@pytest.fixture
def private(tmp_path):
    folder = tmp_path / "private"
    folder.mkdir(mode=0o700)
    return folder


@pytest.fixture(params=["psycopg2", "psycopg"])
def engine(request, shared, tmp_path, private):
    database = shared.create_database(f"probe_{request.param}")
    engine = create_engine(shared.url(database, driver=request.param), pool_pre_ping=True)
    engine.database = database
    try:
        with engine.begin() as connection:  # the driver's own first queries pass no dialect
            Base.metadata.create_all(connection)
        attach(ProbePlan(tmp_path, Path(__file__).parent, private))
        shared.sql(None, "CREATE EXTENSION IF NOT EXISTS pg_stat_statements")
        shared.sql(None, "SELECT pg_stat_statements_reset()")
        yield engine
    finally:
        detach()
        engine.dispose()
        shared.drop_database(database)


def counted_by_server(shared, database):
    rows = shared.sql(
        None,
        "SELECT coalesce(sum(calls), 0) FROM pg_stat_statements s"
        " JOIN pg_roles r ON r.oid = s.userid JOIN pg_database d ON d.oid = s.dbid"
        f" WHERE toplevel AND rolname = 'assay_app' AND datname = '{database.name}'",
    )
    return int(rows[0][0])


def use(engine):
    """Send statements in every way that SQLAlchemy knows."""
    with Session(engine) as session:
        session.add_all(Order(note=f"n{i}", items=[Item(), Item()]) for i in range(30))
        session.commit()
        assert sum(len(order.items) for order in session.scalars(select(Order))) == 60
        session.execute(update(Order).where(Order.id == 1).values(note="canary-77777"))
        session.begin_nested().commit()
        with session.begin_nested():
            session.execute(text("SELECT 1"))
        session.commit()
        values = [{"order_id": 1} for _ in range(2500)]
        session.scalars(insert(Item).returning(Item.id), values).all()
        session.execute(insert(Item), values[:7])
        sql = "DELETE FROM items WHERE id = %s"
        session.connection().exec_driver_sql(sql, [(i,) for i in range(1, 6)])
        session.execute(text("SET LOCAL work_mem = '8MB'"))
        session.execute(select(Order).where(Order.id.in_([1, 2, 3]))).all()
        session.commit()
    with engine.connect() as connection:
        try:
            connection.execute(text("SELECT 1/0"))
        except DBAPIError:
            connection.rollback()
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(text("SELECT 2"))


def test_the_probe_counts_what_the_server_counts(engine, shared, tmp_path, private):
    probe = attach(None)
    use(engine)
    assert probe.counters()["queries"] == counted_by_server(shared, engine.database) > 40
    detach()
    spans = [span for row in Recording(tmp_path).requests for span in row.spans]
    queries = [s for s in spans if s.kind == SpanKind.QUERY and is_counted(s.name)]
    executions = sum(
        (s.rows if s.flags & SpanFlag.EXECUTEMANY else 1)
        for s in queries
        if not s.flags & SpanFlag.ERROR
    )
    assert executions == counted_by_server(shared, engine.database)
    assert {s.connection for s in queries} == {1}
    assert {s.kind for s in spans} >= {SpanKind.COMMIT, SpanKind.ROLLBACK, SpanKind.SAVEPOINT}


def test_values_are_in_the_private_file_and_can_be_run(engine, shared, tmp_path, private):
    use(engine)
    detach()
    (file,) = private.iterdir()
    assert file.stat().st_mode & 0o077 == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    names = {s.name for row in Recording(tmp_path).requests for s in row.spans}
    assert {line["statement"] for line in lines} <= names
    (line,) = [line for line in lines if "canary-77777" in line["sql"]]
    assert line["sql"].startswith("UPDATE orders SET note='canary-77777'")
    for line in lines:
        if line["statement"].startswith("SELECT"):
            shared.sql(engine.database, "EXPLAIN " + line["sql"])
    (recorded,) = tmp_path.glob("probe-*.rows")
    assert b"77777" not in recorded.read_bytes()
