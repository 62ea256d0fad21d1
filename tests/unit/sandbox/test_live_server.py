"""The live server: takes its port early, answers, and stops without waiting for idle clients."""

import http.client
import socket
import threading
import urllib.request

import pytest
from flask import Flask

from flask_assay.sandbox.resources import live_server
from flask_assay.sandbox.resources.live_server import LiveServer


@pytest.fixture
def app():
    app = Flask(__name__)
    app.add_url_rule("/", "index", lambda: "here")
    return app


def test_it_refuses_connections_until_it_serves(app):
    server = LiveServer(app)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))
    with server, urllib.request.urlopen(server.url("/")) as answer:
        assert answer.read() == b"here"


def test_its_port_is_free_again_afterwards(app):
    with LiveServer(app) as server:
        port = server.port
    with LiveServer(app, port=port) as again:
        assert again.port == port


def test_a_taken_port_is_an_error_at_once(app):
    with LiveServer(app) as server, pytest.raises(OSError, match="in use"):
        LiveServer(app, port=server.port)


def test_it_listens_where_it_is_told(app):
    with LiveServer(app, host="localhost") as server:
        assert server.url("/x") == f"http://localhost:{server.port}/x"
        with urllib.request.urlopen(server.url("/")) as answer:
            assert answer.status == 200


def test_connections_that_ask_nothing_are_hung_up(app):
    # Otherwise it ends in a TimeoutError.
    with LiveServer(app) as server:
        silent = socket.create_connection(("127.0.0.1", server.port))
        kept = http.client.HTTPConnection("127.0.0.1", server.port)
        kept.request("GET", "/")
        assert kept.getresponse().read() == b"here"
    silent.close()
    kept.close()


def test_a_request_in_flight_is_waited_for(app):
    inside, go_on, answers = threading.Event(), threading.Event(), []

    def slow():
        inside.set()
        go_on.wait(60)
        return "late"

    app.add_url_rule("/slow", "slow", slow)
    with LiveServer(app) as server:
        url = server.url("/slow")

        def ask():
            with urllib.request.urlopen(url) as answer:
                answers.append(answer.read())

        asking = threading.Thread(target=ask)
        asking.start()
        assert inside.wait(60)
        threading.Timer(0.1, go_on.set).start()
    asking.join(60)
    assert answers == [b"late"]


def test_a_request_that_does_not_end_is_named(app, monkeypatch):
    monkeypatch.setattr(live_server, "STOP_S", 0.1)
    inside, go_on = threading.Event(), threading.Event()

    def stuck():
        inside.set()
        go_on.wait(60)
        return "late"

    app.add_url_rule("/stuck", "stuck", stuck)
    with pytest.raises(TimeoutError, match="GET /stuck"), LiveServer(app) as server:
        url = server.url("/stuck")
        asking = threading.Thread(target=lambda: urllib.request.urlopen(url).close())
        asking.start()
        assert inside.wait(60)
    go_on.set()
    asking.join(60)
