from tests.recordings.builder import RecordingBuilder

from flask_assay.artifacts.coverage import coverage
from flask_assay.artifacts.view import View

READ = "SELECT o.id FROM orders o WHERE o.id IN (?) AND o.is_open = true"
CURSOR = "SELECT o.id FROM orders o"


def statements_of(path, *, server, executions, cursors=0, reasons=None):
    build = RecordingBuilder(path)
    for _ in range(10):
        with build.request("GET /orders") as request:
            request.query(READ, digest=1)
    for _ in range(cursors):
        with build.request("GET /export") as request:
            request.query(CURSOR, digest=1)
    build.document(
        "statements",
        {"executions": executions, "statements": server, "unseen_explained": reasons or {}},
    )
    found = View(build.write())[coverage]
    return next(one for one in found.reconciliations if one.what == "statements")


def seen(
    calls, query="SELECT o.id \nFROM orders o \nWHERE o.id IN ($1, $2::int) AND o.is_open = $3"
):
    return {"query": query, "calls": calls}


def test_equal_counts_agree(tmp_path):
    found = statements_of(tmp_path, server=[seen(10)], executions=10)
    assert (found.left, found.right, found.ok) == (10, 10, True)


def test_statements_of_nobody_known_do_not_agree(tmp_path):
    found = statements_of(
        tmp_path, server=[seen(10), seen(4, "SELECT 1 FROM secret")], executions=14
    )
    assert not found.ok


def test_the_drivers_own_statements_are_accounted_for(tmp_path):
    found = statements_of(
        tmp_path, server=[seen(10), seen(2, "SELECT t.oid FROM pg_type t")], executions=12,
        reasons={"driver set-up": 5},
    )  # fmt: skip
    assert found.ok
    assert found.explained == {"driver set-up": 2}


def test_server_side_cursors_are_accounted_for(tmp_path):
    found = statements_of(tmp_path, server=[seen(10)], executions=10, cursors=3)
    assert found.ok
    assert list(found.explained.values()) == [3]


def test_routes_that_nobody_asked_for_are_named(tmp_path):
    build = RecordingBuilder(tmp_path)
    with build.request("GET /a"):
        pass
    routes = [{"rule": "/a", "methods": ["GET", "HEAD"]}, {"rule": "/b", "methods": ["POST"]}]
    build.document("app", {"routes": routes})
    assert View(build.write())[coverage].unexercised_routes == ("POST /b",)


def test_failed_sensors_are_named(tmp_path):
    build = RecordingBuilder(tmp_path)
    build.counters["sensors"] = {"pool": {"on": False, "errors": 1, "last_error": "KeyError: x"}}
    found = View(build.write())[coverage]
    assert found.sensor_errors == {"pool": "KeyError: x"}
    assert found.sensors_off == ("pool",)


def test_a_list_of_one_is_a_comparison_to_the_server(tmp_path):
    query = "SELECT o.id FROM orders o WHERE o.id = $1 AND o.is_open = $2"
    found = statements_of(tmp_path, server=[seen(10, query)], executions=10)
    assert (found.ok, found.explained) == (True, {})


def reading(*answers):
    """Return a filler: each answer is a route and its status."""

    def fill(build):
        rules = {route.partition(" ")[2] for route, _ in answers} | {"/silent"}
        routes = [{"rule": rule, "methods": ["GET", "POST"]} for rule in sorted(rules)]
        build.document("app", {"routes": routes})
        for route, status in answers:
            with build.request(route, status=status):
                pass

    return fill


def test_routes_are_sorted_by_their_best_answer(tmp_path):
    build = RecordingBuilder(tmp_path)
    reading(("GET /a", 200), ("GET /a", 500), ("GET /b", 401), ("GET /c", 302), ("GET /d", 404))(
        build
    )
    reach = View(build.write())[coverage].reach
    assert reach.total_count == 5
    counts = (reach.answered_count, reach.refused_count, reach.redirected_count, reach.failed_count)
    assert counts == (1, 1, 1, 1)


def counted_requests(path, *, counters, probed=9):
    build = RecordingBuilder(path)
    for number in range(10):
        with build.request("GET /a"):
            pass
        if number >= probed:
            build.request_frames.pop()
    build.load_counters = counters
    found = View(build.write())[coverage]
    return found, next(one for one in found.reconciliations if one.what == "requests")


def test_an_exchange_without_an_answer_may_be_unknown_to_the_probe(tmp_path):
    _, found = counted_requests(tmp_path, counters={"exchanges_unanswered": 1})
    assert not found.ok, "the client was answered what the probe has not seen"


def test_more_requests_at_the_probe_than_were_sent_do_not_agree(tmp_path):
    build = RecordingBuilder(tmp_path)
    for _ in range(3):
        with build.request("GET /a"):
            pass
    build.client_rows.pop()
    found = View(build.write())[coverage]
    assert not next(one for one in found.reconciliations if one.what == "requests").ok


def test_what_the_load_says_of_itself_is_kept(tmp_path):
    found, _ = counted_requests(
        tmp_path,
        counters={
            "notes": ["POST /x was set aside: it answered 400 always."],
            "task_errors": [
                ["locustfile.py:8 browse", "KeyError: 'id'", 12],
                ["", "Exception: No tasks defined on Shopper.", 3],
            ],
        },
    )
    assert found.load_notes == (
        "POST /x was set aside: it answered 400 always.",
        "A task of the load failed 12 times at locustfile.py:8 browse: KeyError: 'id'",
        "A task of the load failed 3 times: Exception: No tasks defined on Shopper.",
    )


def test_a_route_that_was_asked_once_and_left_out_is_told_with_its_reason(tmp_path):
    build = RecordingBuilder(tmp_path)
    for route in ("GET /a", "GET /events"):
        with build.request(route):
            pass
    routes = [{"rule": rule, "methods": ["GET"]} for rule in ("/a", "/events")]
    build.document("app", {"routes": routes})
    build.document("left-out-routes", {"routes": [{"route": "GET /events", "reason": "a stream"}]})
    found = View(build.write())[coverage]
    assert found.unexercised_routes == ("GET /events",)
    assert found.left_out == {"a stream": ("GET /events",)}
