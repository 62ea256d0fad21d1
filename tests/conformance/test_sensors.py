"""What every sensor passes: it leaves no trace, and whatever fails inside it, the app answers the same.

The suite runs over the registry; a new sensor is held to it by being registered.
"""

import importlib
import smtplib
import time
import urllib.request
from pathlib import Path

import httpx
import pytest
import redis
import requests
from flask import Flask, jsonify, render_template_string, request
from sqlalchemy import ForeignKey, create_engine, select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship
from sqlalchemy.pool import QueuePool
from tests.conformance import outside

from flask_assay.model.rows import RequestFlag, SpanFlag, SpanKind
from flask_assay.probe import ALL_SENSORS, DEEP_SENSORS, ProbePlan, attach, detach
from flask_assay.probe.call_sites import CallSites
from flask_assay.probe.names import Names
from flask_assay.probe.recorder import Recorder
from flask_assay.probe.sensors import SENSORS
from flask_assay.probe.sink import Sink
from flask_assay.probe.statements import Statements
from flask_assay.probe.work import CURRENT
from flask_assay.recording.reader import Recording


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


@pytest.fixture(scope="module")
def ports():
    with (
        outside.serving(outside.Http) as http,
        outside.serving(outside.Smtp) as smtp,
        outside.serving(outside.Redis) as cache,
    ):
        yield {"http": http, "smtp": smtp, "redis": cache}


@pytest.fixture
def engine(tmp_path):
    engine = create_engine(f"sqlite:///{tmp_path}/app.db", poolclass=QueuePool, pool_pre_ping=True)
    Base.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all(Order(items=[Item()]) for _ in range(3))
        session.commit()
    yield engine
    engine.dispose()


@pytest.fixture
def app(engine, ports):
    """One view for each thing that a sensor watches, and some that end badly."""
    app = Flask(__name__)
    app.secret_key = "x"
    base = f"http://127.0.0.1:{ports['http']}"

    @app.get("/database")
    def database():
        with Session(engine) as session:
            counts = [len(order.items) for order in session.scalars(select(Order))]
            session.execute(text("UPDATE items SET order_id = order_id WHERE id = 1"))
            session.commit()
            session.connection().exec_driver_sql("DELETE FROM items WHERE id = ?", [(90,), (91,)])
            session.rollback()
        return jsonify(counts)

    @app.get("/database/broken")
    def broken():
        with Session(engine) as session:
            return session.execute(text("SELECT * FROM nowhere"))

    @app.get("/page")
    def page():
        return render_template_string("Hello {{ name }}", name=request.headers.get("Authorization"))

    @app.get("/http")
    def http():
        with urllib.request.urlopen(f"{base}/items/17?a=secret") as answer:
            first = answer.read()
        second = requests.post(f"{base}/v1/upload", data=iter([b"a", b"b"]), timeout=60).content
        return first + second + httpx.get(f"{base}/x", timeout=None).content

    @app.get("/http/refused")
    def refused():
        return urllib.request.urlopen("http://127.0.0.1:1/").read()

    @app.get("/mail")
    def mail():
        with smtplib.SMTP("127.0.0.1", ports["smtp"]) as smtp:
            smtp.sendmail("a@example.org", ["b@example.org"], "Subject: x\r\n\r\nhello")
        return "sent"

    @app.get("/cache")
    def cache():
        with redis.Redis(port=ports["redis"], protocol=2) as client:
            found = client.get("user:17"), client.get("missing:1")
            with client.pipeline(transaction=False) as pipe:
                found += tuple(pipe.set("a", 1).set("b", 2).execute())
        return jsonify([str(item) for item in found])

    @app.get("/stream")
    def stream():
        return app.response_class(iter(["a", "b"]))

    return app


PATHS = (
    "/database", "/database/broken", "/page", "/http", "/http/refused", "/mail", "/cache",
    "/stream", "/nowhere", "/database",
)  # fmt: skip


def answers(app):
    """Return what the app answers to everything: status, headers, body."""
    found = []
    client = app.test_client()
    for path in PATHS:
        with client.get(path, headers={"Authorization": "Basic x"}) as response:
            found.append((response.status, list(response.headers), response.data))
    return found


@pytest.fixture
def plan(tmp_path):
    return ProbePlan(tmp_path, Path(__file__).parent, digests=True)


@pytest.fixture(autouse=True)
def never_left_attached():
    yield
    detach()


def state(app):
    """Return each attribute of each class of each module that a sensor patches."""
    found = {("views", name): view for name, view in app.view_functions.items()}
    for sensor in SENSORS.values():
        for name in sensor.hooks:
            try:
                module = importlib.import_module(name)
            except ModuleNotFoundError:
                continue
            found |= {(name, key): value for key, value in vars(module).items()}
            for owner in [value for value in vars(module).values() if isinstance(value, type)]:
                found |= {(name, owner, key): value for key, value in vars(owner).items()}
    # Caches that the libraries fill themselves are no patches.
    return {
        key: value
        for key, value in found.items()
        if callable(value) or isinstance(value, (classmethod, staticmethod))
    }


def changed(before, after):
    return [key for key in before.keys() | after.keys() if before.get(key) is not after.get(key)]


def test_each_sensor_of_the_plan_is_registered_under_its_name():
    assert tuple(SENSORS) == (*ALL_SENSORS, *DEEP_SENSORS)
    assert all(sensor.name == name for name, sensor in SENSORS.items())


@pytest.mark.parametrize("name", [*ALL_SENSORS, *DEEP_SENSORS, "all"])
def test_attached_and_detached_twice_it_leaves_no_trace(name, app, plan, tmp_path):
    from dataclasses import replace

    plan = replace(plan, sensors=(*ALL_SENSORS, *DEEP_SENSORS) if name == "all" else (name,))
    expected = answers(app)
    before = state(app)
    for _ in range(2):
        attach(plan)
        attach(plan)
        assert changed(before, state(app)) or name in {"endpoint-cpu", "containers"}
        assert answers(app) == expected
        detach()
        detach()
        assert changed(before, state(app)) == []


FAULTS = {
    "names": (Names, "id"),
    "sites": (CallSites, "find"),
    "spans": (Recorder, "keep"),
    "work": (Recorder, "work"),
    "transactions": (Recorder, "transaction_flag"),
    "statements": (Statements, "learn"),
    "rows": (Sink, "start"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_whatever_fails_inside_the_app_answers_the_same(fault, app, plan, monkeypatch):
    expected = answers(app)
    owner, name = FAULTS[fault]

    def fail(*_args, **_kwargs):
        raise RuntimeError("inside the probe")

    monkeypatch.setattr(owner, name, fail)
    probe = attach(plan)
    assert answers(app) == expected
    off = [sensor for sensor in probe.counters()["sensors"].values() if not sensor["on"]]
    assert off
    assert {sensor["last_error"] for sensor in off} == {"RuntimeError: inside the probe"}


@pytest.mark.parametrize("name", ALL_SENSORS)
def test_the_clock_of_one_sensor_fails_at_each_call_in_turn(name, app, plan):
    from dataclasses import replace

    expected = answers(app)
    step = 1
    while True:
        calls = 0

        def clock(step=step):
            nonlocal calls
            calls += 1
            if calls == step:
                raise RuntimeError("inside the probe")
            return time.monotonic_ns()

        attach(replace(plan, sensors=(name,)), clock=clock)
        assert answers(app) == expected
        detach()
        assert CURRENT.get() is None
        if calls < step:
            break
        step += 1 + step // 4  # the early calls one by one, later ones in growing strides


def test_what_the_sensors_saw_is_what_happened(app, plan, tmp_path):
    attach(plan)
    answers(app)
    detach()
    by_route = {row.route: row for row in Recording(tmp_path).requests}
    of = {
        route: {kind: [s for s in row.spans if s.kind == kind] for kind in SpanKind}
        for route, row in by_route.items()
    }
    http = of["GET /http"][SpanKind.HTTP]
    assert [(s.name, s.detail) for s in http] == [
        ("GET 127.0.0.1", "/items/{}"),
        ("POST 127.0.0.1", "/v1/upload"),
        ("GET 127.0.0.1", "/x"),
    ]
    assert [bool(s.flags & SpanFlag.NO_TIMEOUT) for s in http] == [True, False, True]
    assert all(" http" in s.site for s in http)
    assert [bool(s.digest) for s in http] == [True, False, True]
    assert not any(s.flags & SpanFlag.ERROR for s in http)
    (refused,) = of["GET /http/refused"][SpanKind.HTTP]
    assert refused.flags & SpanFlag.ERROR
    (mail,) = of["GET /mail"][SpanKind.MAIL]
    assert (mail.name, mail.rows, bool(mail.flags & SpanFlag.NO_TIMEOUT)) == (
        "SMTP 127.0.0.1",
        1,
        True,
    )
    trips = [s for s in of["GET /cache"][SpanKind.CACHE] if s.name in {"GET", "PIPELINE"}]
    assert [(s.name, s.detail, s.rows) for s in trips] == [
        ("GET", "user:{}", 1),
        ("GET", "missing:{}", 1),
        ("PIPELINE", "", 2),
    ]
    assert [SpanFlag(s.flags) for s in trips] == [SpanFlag.HIT, SpanFlag.MISS, SpanFlag.PIPELINE]
    assert len(of["GET /page"][SpanKind.COMPILE]) == len(of["GET /page"][SpanKind.TEMPLATE]) == 1
    assert by_route["GET /page"].flags & RequestFlag.IDENTITY_READ
    assert b"secret" not in next(tmp_path.glob("*.rows")).read_bytes()


def test_a_call_inside_a_transaction_is_marked(engine, app, plan, ports, tmp_path):
    @app.get("/held")
    def held():
        with Session(engine) as session:
            session.execute(text("UPDATE items SET order_id = order_id WHERE id = 1"))
            urllib.request.urlopen(f"http://127.0.0.1:{ports['http']}/x").close()
            session.commit()
            urllib.request.urlopen(f"http://127.0.0.1:{ports['http']}/y").close()
        return "x"

    attach(plan)
    with app.test_client().get("/held") as response:
        assert response.status_code == 200
    detach()
    (row,) = Recording(tmp_path).requests
    flags = {s.detail: SpanFlag(s.flags) for s in row.spans if s.kind == SpanKind.HTTP}
    assert SpanFlag.IN_TRANSACTION in flags["/x"]
    assert SpanFlag.IN_TRANSACTION not in flags["/y"]
