import gc
import threading

import pytest
from flask import Flask, Response, abort, request, send_file, session, stream_with_context

from flask_assay.model.rows import RequestFlag
from flask_assay.probe import attach, detach

pytestmark = pytest.mark.usefixtures("path")


@pytest.fixture
def app(tmp_path):
    app = Flask(__name__, static_folder=None)
    app.secret_key = "x"
    (tmp_path / "file.txt").write_text("content")

    @app.before_request
    def answer_early():
        return ("early", 418) if request.args.get("early") else None

    @app.get("/orders/<int:number>")
    def order(number):
        return f"order {number}"

    @app.get("/stream")
    def stream():
        return Response(stream_with_context(iter(["a" * 10, "b"])))

    @app.get("/boom")
    def boom():
        raise RuntimeError("boom")

    @app.get("/gone")
    def gone():
        abort(410)

    @app.get("/file")
    def file():
        return send_file(tmp_path / "file.txt", max_age=60)

    @app.get("/me")
    def me():
        return session.get("user", "nobody")

    @app.get("/token")
    def token():
        return request.headers.get("Authorization", "none")

    @app.get("/private")
    def private():
        answer = Response("x", headers={"Cache-Control": "private, max-age=5"})
        answer.set_cookie("a", "b")
        return answer

    @app.get("/nested")
    def nested():
        return app.test_client().get("/orders/9").data

    return app


def get(app, path, **kwargs):
    with app.test_client().get(path, **kwargs) as response:
        return response.data


def only(rows):
    (row,) = rows().requests
    return row


def test_a_request_has_its_route_status_size_and_id(app, probed, rows):
    probed()
    assert get(app, "/orders/7", headers={"X-Assay-Request": "18446744073709551615"}) == b"order 7"
    row = only(rows)
    assert (row.route, row.endpoint, row.status) == ("GET /orders/<int:number>", "order", 200)
    assert (row.body_bytes, row.flags, row.request_id) == (7, 0, 2**64 - 1)
    assert row.cpu_ns > 0
    assert row.wall_ns > 0


@pytest.mark.parametrize("sent", ["-1", "x", "", "9" * 21, "²"])
def test_a_foreign_request_id_is_none(app, probed, rows, sent):
    probed()
    get(app, "/orders/7", headers={"X-Assay-Request": sent})
    assert only(rows).request_id == 0


@pytest.mark.parametrize(
    ("path", "route", "status", "flags"),
    [
        ("/nope", "GET (no route)", 404, RequestFlag.NO_VIEW),
        ("/orders/1?early=1", "GET /orders/<int:number>", 418, RequestFlag.NO_VIEW),
        ("/boom", "GET /boom", 500, RequestFlag.EXCEPTION),
        ("/gone", "GET /gone", 410, 0),
        ("/me", "GET /me", 200, RequestFlag.IDENTITY_READ),
        ("/token", "GET /token", 200, RequestFlag.IDENTITY_READ),
        (
            "/private",
            "GET /private",
            200,
            RequestFlag.NO_STORE | RequestFlag.HAS_MAX_AGE | RequestFlag.SETS_COOKIE,
        ),
        ("/file", "GET /file", 200, RequestFlag.HAS_VALIDATOR | RequestFlag.HAS_MAX_AGE),
        ("/stream", "GET /stream", 200, RequestFlag.STREAMED),
    ],
)
def test_facts_of_a_response_become_flags(app, probed, rows, path, route, status, flags):
    probed()
    get(app, path)
    row = only(rows)
    assert (row.route, row.status, RequestFlag(row.flags)) == (route, status, RequestFlag(flags))


def test_a_streamed_body_is_counted_and_ends_the_request_when_it_is_closed(app, probed, rows):
    probe = probed()
    response = app.test_client().get("/stream", buffered=False)
    assert probe.counters()["requests"] == 0
    assert response.data == b"a" * 10 + b"b"
    response.close()
    assert probe.counters()["requests"] == 1
    assert only(rows).body_bytes == 11


def test_a_body_that_is_dropped_unread_still_counts(app, probed, rows):
    probed()
    app.test_client().get("/orders/1")
    assert only(rows).route == "GET /orders/<int:number>"


def test_an_exception_that_leaves_the_app_is_a_row_and_still_raised(app, probed, rows):
    probed()
    app.testing = True
    with pytest.raises(RuntimeError, match="boom"):
        get(app, "/boom")
    row = only(rows)
    assert (row.route, row.status) == ("GET /boom", 0)
    assert row.flags & RequestFlag.EXCEPTION


def test_a_hostile_method_makes_no_name(app, probed, rows):
    probed()
    app.test_client().open("/orders/1", method="X" * 500).close()
    assert only(rows).route == "(other method) (no route)"


def test_requests_inside_of_requests_have_rows_of_their_own(app, probed, rows):
    probed()
    assert get(app, "/nested") == b"order 9"
    assert sorted(row.route for row in rows().requests) == [
        "GET /nested",
        "GET /orders/<int:number>",
    ]


def test_an_app_inside_of_an_app_is_one_request(app, probed, rows):
    from werkzeug.middleware.dispatcher import DispatcherMiddleware

    outer = Flask("outer")
    outer.wsgi_app = DispatcherMiddleware(outer.wsgi_app, {"/in": app})
    probed()
    assert get(outer, "/in/orders/3") == b"order 3"
    assert only(rows).route == "GET /orders/<int:number>"


def test_the_servers_own_file_wrapper_stays_what_it_is(app, probed, rows):
    from werkzeug.test import EnvironBuilder

    class Wrapper:
        def __init__(self, file, size=8192):
            self.file = file
            self.close = file.close

        def __iter__(self):
            return iter([self.file.read()])

    probe = probed()
    environ = EnvironBuilder("/file").get_environ() | {"wsgi.file_wrapper": Wrapper}
    body = app(environ, lambda *_: lambda _: None)
    assert type(body) is Wrapper
    assert list(body) == [b"content"]
    assert probe.counters()["requests"] == 0
    body.close()
    assert body.file.closed
    assert only(rows).body_bytes == 7


def test_digests_are_keyed_and_only_taken_when_asked_for(app, probed, rows):
    probed(digests=True, salt="one")
    get(app, "/orders/7?a=1", headers={"Authorization": "Basic x"})
    get(app, "/orders/7?a=2")
    first, second = rows().requests
    assert first.body_digest == second.body_digest != 0
    assert first.query_digest != second.query_digest
    assert first.identity_digest != 0 == second.identity_digest


def test_threads_keep_their_requests_apart(app, probed, rows):
    probed()
    threads = [
        threading.Thread(target=lambda i=i: [get(app, f"/orders/{i}") for _ in range(20)])
        for i in range(6)
    ]
    [t.start() for t in threads], [t.join() for t in threads]
    found = rows().requests
    assert len(found) == 120
    assert {row.route for row in found} == {"GET /orders/<int:number>"}


def test_views_carry_their_endpoints_name_and_get_their_own_back(app, probed):
    before = dict(app.view_functions)
    probed()
    get(app, "/orders/1")
    assert app.view_functions["order"].__code__.co_name == "EP:order"
    assert app.view_functions["order"].__name__ == "order"
    detach()
    assert app.view_functions == before


def test_attaching_twice_is_attaching_once(app, plan, rows):
    assert attach(plan) is attach(plan)
    get(app, "/orders/1")
    assert only(rows).status == 200


def test_a_view_added_after_the_first_request_is_seen(app, probed, rows):
    probed()
    get(app, "/orders/1")
    app.view_functions["late"] = lambda: "late"
    app.url_map.add(app.url_rule_class("/late", endpoint="late"))
    get(app, "/late")
    assert [row.flags for row in rows().requests] == [0, 0]


def test_cpu_stacks_say_where_an_endpoint_spends_it(app, probed, rows):
    import time

    @app.get("/burn")
    def burn():
        deadline = time.thread_time() + 0.15
        while time.thread_time() < deadline:
            sum(range(100))
        return "x"

    probed(stacks=True, stack_interval_s=0.002)
    get(app, "/burn")
    (file,) = rows().probe_files
    mine = sum(us for stack, us in file.stacks.items() if stack.startswith("burn;"))
    assert mine > 0.5 * sum(file.stacks.values()) > 0


def test_a_dropped_body_ends_its_request_before_the_next_one_begins(app, probed, rows):
    probe = probed()
    client = app.test_client()
    client.get("/orders/1")
    with client.get("/nope"):
        assert probe.counters()["requests"] == 1
    assert [row.status for row in rows().requests] == [200, 404]


def test_the_servers_body_is_the_apps_own_if_its_size_is_known(app, probed, rows):
    from werkzeug.test import EnvironBuilder
    from werkzeug.wsgi import ClosingIterator

    probe = probed()
    body = app(EnvironBuilder("/orders/7").get_environ(), lambda *_: None)
    assert type(body) is ClosingIterator
    assert probe.counters()["requests"] == 0
    body.close()
    body.close()
    assert only(rows).body_bytes == 7


@pytest.mark.parametrize("name", ["content-length", "Content-Length", "CONTENT-LENGTH"])
def test_a_header_counts_however_it_is_spelled(app, probed, rows, name):
    def answer(_environ, start_response):
        start_response("200 OK", [("X-Unknown", "1"), (name, "5"), ("etag", "x")])
        return iter([b"hello"])

    app.wsgi_app = answer
    probed()
    get(app, "/orders/7")
    row = only(rows)
    assert row.body_bytes == 5
    assert row.flags == RequestFlag.HAS_VALIDATOR | RequestFlag.NO_VIEW


def test_the_cpu_clock_is_read_again_only_after_a_while(app, probed, rows, monkeypatch):
    from flask_assay.probe.sensors import requests

    monkeypatch.setattr(requests, "_CPU_EVERY_NS", 10**12)
    probed()
    for _ in range(3):
        get(app, "/orders/7")
    assert [row.cpu_ns > 0 for row in rows().requests] == [True, False, False]


def test_a_request_goes_on_after_others_inside_of_it_that_were_left_open(app, probed, rows):
    @app.get("/outer")
    def outer():
        for _ in range(2):
            app.test_client().get("/orders/9")
        app.test_client().get("/orders/9").close()
        probe.recorder.span(1, 1, probe.recorder.clock())
        return "ok"

    probe = probed()
    app.test_client().get("/outer").close()
    found = {row.route: len(row.spans) for row in rows().requests}
    assert found == {"GET /outer": 1, "GET /orders/<int:number>": 0}


def test_an_app_that_lies_where_another_one_did_is_seen_to(app, probed):
    probe = probed()
    app.test_client().get("/orders/1").close()
    other = Flask("other", static_folder=None)
    other.test_client().get("/").close()
    assert len(probe.recorder.apps) == 2
    del other
    gc.collect()
    assert list(probe.recorder.apps) == [id(app)]
