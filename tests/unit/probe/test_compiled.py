"""The compiled hot paths record what those in Python record, byte by byte."""

import gc
from dataclasses import replace
from itertools import count

import pytest
from flask import Flask, Response, abort, request, send_file, session
from sqlalchemy import create_engine, event, text
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from flask_assay.probe import attach, detach
from flask_assay.probe.compilation import load
from flask_assay.recording import wire
from flask_assay.recording.directory import rows_path

from .conftest import COMPILED, take_path

QUERY = text("SELECT :a + :b + pass_time(700)")


def shop(folder, pass_time=int):
    app = Flask("shop", root_path=str(folder), static_folder=None)
    app.before_request(lambda: pass_time(1_000) and None)
    app.secret_key = "x"
    engine = create_engine(f"sqlite:///{folder}/app.db", poolclass=QueuePool)
    event.listen(engine, "connect", lambda raw, _: raw.create_function("pass_time", 1, pass_time))
    (folder / "file.txt").write_text("content")

    @app.route("/rows/<int:number>", methods=["GET", "POST"])
    def rows(number):
        with engine.connect() as connection:
            for i in range(number):
                connection.execute(QUERY, {"a": i % 3, "b": 1}).all()
        return {"rows": number}

    @app.get("/wrong")
    def wrong():
        with engine.connect() as connection, pytest.raises(OperationalError):
            connection.exec_driver_sql("SELECT nothing FROM nowhere")
        return "", 204

    @app.get("/many")
    def many():
        with engine.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS notes (id INTEGER)")
            connection.execute(text("INSERT INTO notes VALUES (:id)"), [{"id": 1}, {"id": 2}])
        return "two"

    @app.get("/stream")
    def stream():
        return Response(iter(["a" * 10, "b"]))

    @app.get("/boom")
    def boom():
        raise RuntimeError("boom")

    @app.get("/file")
    def file():
        return send_file(folder / "file.txt", max_age=60)

    @app.get("/me")
    def me():
        session.get("seen")  # not written: its cookie would hold the second in which it was
        return "me", {"Set-Cookie": "seen=1", "Cache-Control": "private, max-age=5", "ETag": "x"}

    @app.get("/nested")
    def nested():
        inner = app.test_client().get("/rows/2")
        with engine.connect() as connection:
            connection.execute(QUERY, {"a": 1, "b": 1})
        return inner.data

    @app.get("/gone")
    def gone():
        abort(410, description=request.args.get("why"))

    return app, engine


ASKED = [
    ("GET", "/rows/0"), ("GET", "/rows/1"), ("HEAD", "/rows/1"), ("POST", "/rows/40"),
    ("GET", "/wrong"), ("GET", "/many"), ("GET", "/stream"), ("GET", "/boom"), ("GET", "/file"),
    ("GET", "/me"), ("GET", "/nested"), ("GET", "/gone?why=x"), ("GET", "/nope"),
    ("BREW", "/rows/1"), ("OPTIONS", "/rows/1"), ("PUT", "/rows/1"), ("GET", "/rows/4100"),
    ("GET", "/rows/3"),
]  # fmt: skip


def recorded(folder, plan, monkeypatch, name, **changes):
    """Return the frames of one way, without what two runs cannot share."""
    folder = folder / name
    folder.mkdir()
    take_path(monkeypatch, name)
    moment = 1_000_000  # passes in views and statements only: other threads read the clock too

    def pass_time(nanoseconds):
        nonlocal moment
        moment += nanoseconds
        return nanoseconds

    app, engine = shop(folder, pass_time)
    gc.collect()  # connections of other tests would say that they end
    probe = attach(
        replace(plan, recording_dir=folder, salt="salt", **changes), clock=lambda: moment
    )
    probe.recorder.salt = b"12345678"
    # written at the end only: how often a thread writes decides how often it counts
    monkeypatch.setattr("flask_assay.probe.sink.FLUSH_AGE_S", 600)
    try:
        client = app.test_client()
        for number, (method, path) in enumerate(ASKED, 1):
            with client.open(path, method=method, headers={"X-Assay-Request": str(number)}) as it:
                it.get_data()
        engine.dispose()
        assert not [each for each in probe.recorder.switches.values() if each.errors]
    finally:
        detach()
    (file,) = folder.glob("probe-*.rows")
    assert file == rows_path(folder, "probe", int(file.stem.partition("-")[2]))
    data = file.read_bytes()
    return [
        (kind, without_cpu(kind, bytes(payload)))
        for kind, payload in wire.read_frames(data)
        if kind in (wire.FrameKind.NAME, wire.FrameKind.REQUEST)
    ]


def without_cpu(kind, payload):
    if kind != wire.FrameKind.REQUEST:
        return payload
    size = wire.REQUEST_HEAD.size
    head = wire.REQUEST_HEAD.unpack(payload[:size])
    return (*head[:2], head[2] > 0, *head[3:], payload[size:])


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"call_sites": False},
        {"digests": True, "call_site_every": 1},
    ],
)
def test_both_ways_record_the_same(tmp_path, plan, monkeypatch, changes):
    found = [
        recorded(tmp_path, plan, monkeypatch, name, **changes) for name in ("python", "compiled")
    ]
    requests = [payload for kind, payload in found[0] if kind == wire.FrameKind.REQUEST]
    assert max(payload[1] for payload in requests) > 4_100 * 700
    assert len(requests) > len(ASKED)  # and what happened outside of them
    assert max(len(payload[-1]) for payload in requests) > 4_000 * wire.SPAN.size - 1
    for python, compiled in zip(*found, strict=True):
        assert python == compiled


def test_a_failing_clock_switches_the_sensors_off_and_leaves_the_app_alone(
    tmp_path, plan, monkeypatch, path
):
    app, engine = shop(tmp_path)

    def broken():
        raise OSError("no clock")

    probe = attach(plan, clock=broken)
    try:
        assert app.test_client().get("/rows/2").json == {"rows": 2}
        assert not probe.recorder.switches["requests"].on
        assert not probe.recorder.switches["queries"].on
    finally:
        detach()
        engine.dispose()


class Environ(dict):
    """Some middlewares hand on a dictionary of their own."""


HOSTILE = {
    "no headers": ("200 OK", [], [b"x"]),
    "a tuple of headers": ("200 OK", (("Content-Length", "1"),), [b"x"]),
    "one header": ("200 OK", [("X", "y")], iter([b"x"])),
    "an iterator of headers": ("200 OK", iter([("X", "y")]), iter([b"x"])),
    "headers are None": ("200 OK", None, iter([b"x"])),
    "a header is not a pair": ("200 OK", [("X",)], iter([b"x"])),
    "a name is a number": ("200 OK", [(1, 2), (3, 4)], iter([b"x"])),
    "a length is no number": ("200 OK", [("X", "y"), ("Content-Length", "-x")], iter([b"x"])),
    "a length is None": ("200 OK", [("X", "y"), ("Content-Length", None)], iter([b"x"])),
    "a length is large": ("200 OK", [("X", "y"), ("Content-Length", "9" * 30)], [b"x"]),
    "digits of another script": ("200 OK", [("X", "y"), ("Content-Length", "٣")], [b"x"]),
    "no status": (None, [("X", "y")], iter([b"x"])),
    "a status in bytes": (b"200 OK", [("X", "y")], iter([b"x"])),
    "a status of one word": ("teapot", [("X", "y")], iter([b"x"])),
    "a body of nothing": ("204 NO CONTENT", [], None),
    "a body that is text": ("200 OK", [("X", "y")], "text"),
}


@pytest.mark.parametrize("name", HOSTILE)
@pytest.mark.parametrize("kind", [dict, Environ])
def test_an_app_that_breaks_the_rules_is_treated_alike(tmp_path, plan, monkeypatch, name, kind):
    status, headers, body = HOSTILE[name]
    heads = list(headers) if hasattr(headers, "__next__") else headers
    chunks = list(body) if hasattr(body, "__next__") else body
    told = []
    for way in ("python", "compiled"):
        folder = tmp_path / way
        folder.mkdir()
        take_path(monkeypatch, way)
        ticks = count(1_000_000, 700)
        probe = attach(replace(plan, recording_dir=folder), clock=lambda t=ticks: next(t))
        app, given = Flask("app"), []
        is_iterator = [hasattr(each, "__next__") for each in (headers, body)]

        def serve(_environ, start_response, is_iterator=is_iterator):
            start_response(status, iter(heads) if is_iterator[0] else heads)
            return iter(chunks) if is_iterator[1] else chunks

        app.wsgi_app = serve
        answer = app(kind(REQUEST_METHOD="GET"), lambda *args, given=given: given.append(args[0]))
        if body is not None:
            assert list(answer) == list(chunks)
            getattr(answer, "close", lambda: None)()
        del answer
        switch = probe.recorder.switches["requests"]
        told.append((given, switch.on, probe.counters()["requests"]))
        detach()
    assert told[0] == told[1]


@pytest.mark.skipif(COMPILED is None, reason="the hot paths are not compiled")
def test_a_request_that_nothing_began_does_no_harm():
    loose = COMPILED.Request()
    loose.end()
    loose.is_open = True
    with pytest.raises(AttributeError):
        loose.end()
    with pytest.raises(AttributeError):
        loose.start_response("200 OK", [])


@pytest.mark.skipif(COMPILED is None, reason="the hot paths are not compiled")
def test_a_module_that_was_built_from_another_source_is_left_alone(tmp_path):
    assert load() is COMPILED
    assert load(tmp_path / "not-shipped.pyx") is COMPILED
    source = tmp_path / "compiled.pyx"
    source.write_text("changed since")
    assert load(source) is None
