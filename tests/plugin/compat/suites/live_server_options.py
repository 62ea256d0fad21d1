"""A suite for the options of the live server; `test_pytest_flask.py` runs it in projects."""

import urllib.error
import urllib.request

import pytest
from flask import Flask


@pytest.fixture
def app():
    app = Flask("shop")
    app.add_url_rule("/", "index", lambda: "here")
    return app


def test_the_server_has_the_host(live_server):
    assert live_server.host == "127.0.0.1"
    assert live_server.url("/x") == f"http://127.0.0.1:{live_server.port}/x"


def test_the_server_is_left_to_the_test(live_server):
    assert live_server._process is None
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(live_server.url())
    live_server.start()
    with urllib.request.urlopen(live_server.url()) as answer:
        assert answer.read() == b"here"


def test_the_server_has_the_port(live_server, pytestconfig):
    assert live_server.port == pytestconfig.getoption("live_server_port") != 0


@pytest.mark.options(server_name="shop.test:1")
def test_the_name_is_the_apps(live_server, app):
    assert app.config["SERVER_NAME"] == f"shop.test:{live_server.port}"


servers = []


def test_the_server_starts(live_server):
    servers.append(live_server)
    assert live_server._process.is_alive()


def test_the_server_ended_with_its_scope(app):
    assert servers[0]._process is None
    assert app.config["SERVER_NAME"] is None
