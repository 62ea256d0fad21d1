"""A suite that counts on pytest-flask's names; `test_pytest_flask.py` runs it in a project."""

import urllib.request

import pytest
from flask import Flask, current_app, jsonify, request, session, url_for


@pytest.fixture(scope="session")
def app():
    app = Flask("shop")
    app.config["SECRET_KEY"] = "known"
    app.add_url_rule("/greeting", "greeting", lambda: jsonify(text="hello"))
    app.add_url_rule("/header", "header", lambda: request.headers["Accept"])

    @app.get("/remember")
    def remember():
        session["seen"] = True
        return "seen"

    return app


def test_client_reaches_the_app(client):
    assert client.get("/greeting").json == {"text": "hello"}


def test_client_keeps_the_context_of_its_request(client):
    client.get("/remember")
    assert session["seen"]


@pytest.mark.usefixtures("client_class")
class TestClass:
    def test_client_class_sets_the_attribute(self):
        assert self.client.get("/greeting").status_code == 200


def test_client_class_is_harmless_in_a_function(client_class):
    assert client_class is None


def test_config_is_the_apps(config, app):
    assert config is app.config
    assert config["SECRET_KEY"] == "known"


def test_mimetype(mimetype):
    assert mimetype in {"application/json", "text/html"}


def test_accept_mimetype(client, accept_mimetype, mimetype):
    assert client.get("/header", headers=accept_mimetype).text == mimetype


def test_accept_json(client, accept_json):
    assert client.get("/header", headers=accept_json).text == "application/json"


def test_accept_jsonp(client, accept_jsonp):
    assert client.get("/header", headers=accept_jsonp).text == "application/json-p"


def test_accept_any(client, accept_any):
    assert client.get("/header", headers=accept_any).text in {"*", "*/*"}


@pytest.mark.options(debug=True, page_size=7)
def test_options_sets_the_configuration(config):
    assert config["DEBUG"]
    assert config["PAGE_SIZE"] == 7


def test_options_end_with_the_test(config):
    assert not config["DEBUG"]
    assert "PAGE_SIZE" not in config


@pytest.mark.app(anything="goes")
def test_the_marker_app_is_known():
    pass


def test_a_request_context_is_there(app):
    assert request.path == "/"
    assert current_app == app
    assert url_for("greeting") == "/greeting"


def test_no_context_without_app():
    assert not current_app


def test_a_response_equals_its_status(client):
    answer = client.get("/greeting")
    assert answer == 200
    assert answer != 404
    assert answer == answer
    assert answer != "200 OK"
    assert len({answer, answer}) == 1


def test_a_wrong_status_is_explained(client):
    assert client.get("/nowhere") == 200


def test_the_live_server_answers(live_server):
    with urllib.request.urlopen(live_server.url("/greeting")) as answer:
        assert answer.read().strip() == b'{"text":"hello"}'


def test_the_live_server_says_where_it_is(live_server):
    assert live_server.host == "localhost"
    assert live_server.url() == f"http://localhost:{live_server.port}"
    assert repr(live_server) == f"<LiveServer listening at {live_server.url()}>"
    assert live_server._process.is_alive()


def test_external_urls_lead_to_the_live_server(live_server, config):
    assert config["SERVER_NAME"] == f"localhost.localdomain:{live_server.port}"
    assert url_for("greeting", _external=True) == f"http://{config['SERVER_NAME']}/greeting"


def test_a_second_start_is_harmless(live_server):
    port = live_server.port
    live_server.start()
    assert live_server.port == port


def test_the_live_server_is_this_process(live_server, app, monkeypatch):
    monkeypatch.setitem(app.view_functions, "greeting", lambda: "replaced")
    with urllib.request.urlopen(live_server.url("/greeting")) as answer:
        assert answer.read() == b"replaced"


def test_the_plugin_has_the_name_that_others_ask_for(pytestconfig):
    assert pytestconfig.pluginmanager.has_plugin("flask")


class TestOverridden:
    @pytest.fixture(autouse=True)
    def _push_request_context(self):
        """Leave the context to each test."""

    def test_the_context_can_be_left_out(self, app):
        assert not current_app
