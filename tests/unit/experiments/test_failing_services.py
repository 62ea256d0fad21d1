"""Services that fall silent, httpx, writes left to a queue, validators, and who is in a key."""

import asyncio
import time

import flask
import flask_caching
import httpx
import pytest
import requests
import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from flask_assay.experiments.interventions import (
    external_what_if,
    identity_key,
    offload,
    timeout,
    validators,
)


async def fetch_async(url):
    async with httpx.AsyncClient(timeout=60) as client:
        return (await client.get(url)).text


@pytest.fixture(params=["requests", "httpx", "httpx, async"])
def fetch(request):
    if request.param == "requests":
        with requests.Session() as session:
            yield lambda url: session.get(url, timeout=60).text
    elif request.param == "httpx, async":
        yield lambda url: asyncio.run(fetch_async(url))
    else:
        with httpx.Client(timeout=60) as client:
            yield lambda url: client.get(url).text


def served(fetch, url):
    app = flask.Flask(__name__)
    app.testing = True

    @app.get("/")
    def view():
        try:
            return fetch(url)
        except (requests.Timeout, httpx.TimeoutException) as error:
            return type(error).__name__, 504

    return app


def test_a_silent_service_is_given_up_after_the_timeout(service, switch, fetch):
    url, _ = service
    app = served(fetch, url)
    call = {"endpoint": "view", "target": "GET 127.0.0.1", "timeout_s": 0.05}
    restore = timeout.apply(app, call, switch)
    client = app.test_client()
    start = time.monotonic()
    assert (client.get("/").status_code, client.get("/").text) == (504, "ReadTimeout")
    assert 0.1 <= time.monotonic() - start < 30
    switch.is_on = False
    assert client.get("/").status_code == 200
    switch.is_on = True
    restore()
    assert client.get("/").status_code == 200


def test_two_such_changes_in_one_process_know_their_own_requests(service, fetch, switch):
    url, _ = service
    app = served(fetch, url)
    one, other = switch, type(switch)()
    call = {"endpoint": "view", "target": "GET 127.0.0.1", "timeout_s": 0.05}
    restore = [timeout.apply(app, call, each) for each in (one, other)]
    client = app.test_client()
    for one.is_on, other.is_on in ((True, False), (False, True)):
        assert client.get("/").status_code == 504
    other.is_on = False
    assert client.get("/").status_code == 200
    for each in reversed(restore):
        each()


def test_without_a_timeout_of_ours_the_call_keeps_its_own(service, switch):
    url, _ = service
    app = served(lambda target: requests.get(target, timeout=0.05).text, url)
    restore = timeout.apply(app, {"endpoint": "view", "target": "GET 127.0.0.1"}, switch)
    assert app.test_client().get("/").status_code == 504
    restore()


def test_the_first_answer_stands_for_later_ones_with_httpx_too(service, switch, fetch):
    url, asked = service
    app = served(fetch, url)
    call = {"endpoint": "view", "target": "GET 127.0.0.1"}
    restore = external_what_if.apply(app, call, switch)
    client = app.test_client()
    assert [client.get("/").text for _ in range(3)] == ["answer 1"] * 3
    assert len(asked) == 1
    restore()
    assert client.get("/").text == "answer 2"


def test_what_is_written_to_one_table_is_left_to_a_queue(switch):
    engine = sa.create_engine("sqlite://", poolclass=StaticPool)
    app = flask.Flask(__name__)
    app.testing = True
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE page (id int, views int)"))
        connection.execute(sa.text("CREATE TABLE page_log (id int)"))
        connection.execute(sa.text("INSERT INTO page VALUES (1, 0)"))

    @app.get("/")
    def view():
        with engine.begin() as connection:
            done = connection.execute(sa.text("UPDATE page SET views = views + 1 WHERE id = 1"))
            connection.execute(sa.text("INSERT INTO page_log VALUES (1)"))
            return [done.rowcount, connection.scalar(sa.text("SELECT count(*) FROM page_log"))]

    def views():
        with engine.connect() as connection:
            return connection.scalar(sa.text("SELECT views FROM page"))

    restore = offload.apply(app, {"endpoint": "view", "target": "page"}, switch)
    client = app.test_client()
    assert client.get("/").json == [1, 1]
    assert views() == 0
    switch.is_on = False
    assert client.get("/").json == [1, 2]
    assert views() == 1
    restore()
    switch.is_on = True
    assert client.get("/").json == [1, 3]
    assert views() == 2
    engine.dispose()


def test_clients_that_have_the_body_are_told_so(switch):
    app = flask.Flask(__name__)
    bodies = ["one", "one", "two", "two"]

    @app.get("/")
    def view():
        return bodies.pop(0)

    restore = validators.apply(app, {"endpoint": "view"}, switch)
    client = app.test_client()
    answers = [client.get("/") for _ in range(4)]
    assert [each.status_code for each in answers] == [200, 304, 200, 304]
    assert [each.text for each in answers] == ["one", "", "two", ""]
    bodies += ["two"]
    assert client.get("/", headers={"Authorization": "other"}).status_code == 200
    restore()
    bodies += ["two"]
    assert "ETag" not in client.get("/").headers


@pytest.fixture
def offers():
    """A view cached by its path although it reads who is asking."""
    app = flask.Flask(__name__)
    app.testing = True
    cache = flask_caching.Cache(app, config={"CACHE_TYPE": "SimpleCache"})
    app.computed = []

    @app.get("/")
    @cache.cached(timeout=60)
    def view():
        app.computed.append(1)
        return flask.request.headers["Authorization"]

    return app


def test_with_who_asks_in_the_key_everybody_gets_his_own_from_the_apps_cache(offers, switch):
    def ask(name):
        return offers.test_client().get("/", headers={"Authorization": name}).text

    switch.is_on = False
    assert [ask("ann"), ask("bob")] == ["ann", "ann"]
    restore = identity_key.apply(offers, {"endpoint": "view"}, switch)
    switch.is_on = True
    assert [ask(name) for name in ("ann", "bob", "ann", "bob")] == ["ann", "bob", "ann", "bob"]
    assert len(offers.computed) == 3
    restore()
    assert ask("bob") == "ann"


def test_with_fresh_keys_nothing_is_found(offers, switch):
    restore = identity_key.apply(offers, {"endpoint": "view", "fresh": True}, switch)
    client = offers.test_client()
    for _ in range(3):
        assert client.get("/", headers={"Authorization": "ann"}).text == "ann"
    assert len(offers.computed) == 3
    restore()
