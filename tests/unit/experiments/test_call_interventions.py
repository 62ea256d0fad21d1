"""Interventions on calls, commits, templates and Redis: what they change, and the way back."""

import http.client
import http.server

import flask
import jinja2
import pytest
import requests
import sqlalchemy as sa
from redis.client import Redis
from sqlalchemy import event
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

from flask_assay.experiments.interventions import (
    compile_once,
    external_what_if,
    fold_cache_trips,
    invalidate_on_write,
    keep_after_commit,
    offload,
)


@pytest.mark.parametrize("change", [external_what_if, offload])
def test_a_call_is_answered_from_memory_only_while_the_change_is_on(service, switch, change):
    url, asked = service
    app = flask.Flask(__name__)
    before = http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse
    with requests.Session() as session:

        @app.get("/")
        def view():
            answers = [session.get(f"{url}/{name}", timeout=60) for name in "aab"]
            return [[answer.status_code, answer.text] for answer in answers]

        restore = change.apply(app, {"endpoint": "view", "target": "GET 127.0.0.1"}, switch)
        client = app.test_client()
        learned = client.get("/").json
        assert learned == [[200, "answer 1"], [200, "answer 1"], [200, "answer 2"]]
        assert client.get("/").json == learned
        assert asked == ["/a", "/b"]
        switch.is_on = False
        assert [text for _, text in client.get("/").json] == ["answer 3", "answer 4", "answer 5"]
        switch.is_on = True
        assert client.get("/").json == learned
        restore()
        assert len(asked) == 5
    assert before == (http.client.HTTPConnection.putrequest, http.client.HTTPConnection.getresponse)


def test_a_call_to_another_target_is_made(service, switch):
    url, asked = service
    app = flask.Flask(__name__)

    @app.get("/")
    def view():
        return requests.get(url, timeout=60).text

    restore = external_what_if.apply(app, {"endpoint": "view", "target": "POST 127.0.0.1"}, switch)
    client = app.test_client()
    client.get("/")
    client.get("/")
    restore()
    assert len(asked) == 2


class Base(DeclarativeBase):
    pass


class Thing(Base):
    __tablename__ = "thing"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


def test_objects_are_not_read_again_after_a_commit(switch):
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    Base.metadata.create_all(engine)
    seen = []
    event.listen(engine, "before_cursor_execute", lambda *given: seen.append(given[2]))
    app = flask.Flask(__name__)

    @app.post("/")
    def view():
        with Session(engine) as session:
            thing = Thing(name="x")
            session.add(thing)
            session.commit()
            return {"name": thing.name}

    restore = keep_after_commit.apply(app, {"endpoint": "view"}, switch)
    counts = []
    for switch.is_on in (False, True, False):
        seen.clear()
        assert app.test_client().post("/").json == {"name": "x"}
        counts.append(len(seen))
    restore()
    assert counts == [2, 1, 2]
    assert "expire_on_commit" not in vars(Session)
    assert Session(engine, expire_on_commit=False).expire_on_commit is False
    engine.dispose()


def test_a_template_text_is_compiled_once(switch, monkeypatch):
    compiled = []
    original = jinja2.Environment.compile
    monkeypatch.setattr(
        jinja2.Environment,
        "compile",
        lambda self, *given, **named: compiled.append(1) or original(self, *given, **named),
    )
    before = jinja2.Environment.from_string
    app = flask.Flask(__name__)

    @app.get("/")
    def view():
        return flask.render_template_string("Hello {{ name }}", name=flask.request.args["name"])

    restore = compile_once.apply(app, {"endpoint": "view"}, switch)
    client = app.test_client()
    assert [client.get(f"/?name={name}").text for name in "ab"] == ["Hello a", "Hello b"]
    assert len(compiled) == 1
    switch.is_on = False
    client.get("/?name=c")
    assert len(compiled) == 2
    restore()
    assert jinja2.Environment.from_string is before


def test_single_gets_become_one_trip_until_something_else_is_asked(switch, monkeypatch):
    sent, values = [], {"a": b"1", "b": b"2", "c": None}

    def execute_command(self, *given, **options):
        sent.append(given)
        if given[0] == "SET":
            values[given[1]] = given[2]
            return True
        found = [values[key] for key in given[1:]]
        return found if given[0] == "MGET" else found[0]

    monkeypatch.setattr(Redis, "execute_command", execute_command)
    app = flask.Flask(__name__)
    redis = Redis()

    @app.get("/")
    def view():
        read = [redis.get(key) for key in "abc"]
        if "write" in flask.request.args:
            redis.set("a", b"9")
            read.append(redis.get("a"))
        return [value and value.decode() for value in read]

    restore = fold_cache_trips.apply(app, {"endpoint": "view"}, switch)
    client = app.test_client()
    assert client.get("/").json == client.get("/").json == ["1", "2", None]
    assert sent == [("GET", "a"), ("GET", "b"), ("GET", "c"), ("MGET", "a", "b", "c")]
    assert client.get("/?write").json == ["1", "2", None, "9"]
    assert client.get("/?write").json == ["9", "2", None, "9"]
    restore()
    assert Redis.execute_command is execute_command


def test_a_cache_until_the_next_write_keeps_an_answer(switch):
    app, calls = flask.Flask(__name__), []

    @app.get("/")
    def view():
        calls.append(1)
        return {"n": len(calls)}

    restore = invalidate_on_write.apply(app, {"endpoint": "view", "per_identity": False}, switch)
    client = app.test_client()
    assert [client.get("/").json["n"] for _ in range(2)] == [1, 1]
    restore()
    assert client.get("/").json["n"] == 2
