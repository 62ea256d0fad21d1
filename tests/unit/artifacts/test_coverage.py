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
