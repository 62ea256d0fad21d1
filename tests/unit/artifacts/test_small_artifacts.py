"""The artifacts that count one thing each."""

import pytest
from tests.recordings.builder import MS, RecordingBuilder
from tests.recordings.scenarios import surroundings

from flask_assay.artifacts.cache_calls import cache_calls
from flask_assay.artifacts.call_sites import call_sites
from flask_assay.artifacts.counted_requests import ENOUGH
from flask_assay.artifacts.endpoint_cpu import endpoint_cpu, endpoint_stacks
from flask_assay.artifacts.external_calls import external_calls
from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.pool_timeline import pool_timeline
from flask_assay.artifacts.registry import ARTIFACTS
from flask_assay.artifacts.request_queries import request_queries
from flask_assay.artifacts.settings import settings, view_places
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.table_statistics import table_statistics
from flask_assay.artifacts.transaction_timeline import transaction_timeline
from flask_assay.artifacts.view import UnavailableError, View
from flask_assay.artifacts.worker_timeline import worker_timeline
from flask_assay.audits.registry import AUDITS
from flask_assay.model.rows import Phase, SpanFlag, SpanKind


@pytest.fixture
def build(tmp_path):
    return RecordingBuilder(tmp_path)


def test_every_artifact_that_an_audit_needs_is_registered_once():
    names = [one.name for one in ARTIFACTS]
    assert len(names) == len(set(names))
    assert {need.name for audit in AUDITS for need in audit.meta.needs} <= set(names)


def test_an_artifact_is_computed_once(build):
    with build.request("GET /") as request:
        request.work(1)
    view = View(build.write())
    assert view[steady_state] is view[steady_state]


def test_an_unavailable_artifact_says_why_at_every_call(build):
    view = View(build.write())
    for _ in range(2):
        with pytest.raises(UnavailableError, match="no request in the steady state"):
            view[steady_state]


@pytest.mark.parametrize(
    ("site", "expected"),
    [
        ("shop/views.py:12 list_orders", ("shop/views.py", 12, "list_orders")),
        ("C:/shop/views.py:3 <listcomp>", ("C:/shop/views.py", 3, "<listcomp>")),
        ("views.py:3", ("views.py", 3, "")),
        ("", None),
        ("nowhere", None),
    ],
)
def test_a_site_is_a_place(site, expected):
    place = place_of(site)
    assert (place and (place.file, place.line, place.function)) == expected


def test_sites_sampled_in_the_warm_up_count(build):
    build.now_ns -= 900 * MS
    with build.request("GET /a", phase=Phase.WARM_UP) as request:
        request.query("SELECT ?", digest=1, site="a.py:1 f")
    build.now_ns += 900 * MS
    for _ in range(ENOUGH):
        with build.request("GET /a") as request:
            request.query("SELECT ?", digest=1)
    view = View(build.write())
    assert len(view[steady_state].requests) == ENOUGH
    assert view[call_sites]["GET /a", "SELECT ?", ""] == {"a.py:1 f": 1}
    assert view[statement_shapes]["SELECT ?"].execution_count == ENOUGH


def test_statements_are_numbered_by_their_total_time(build):
    with build.request("GET /a") as request:
        request.query("SELECT a", ms=1)
        request.query("SELECT b", ms=3)
    shapes = View(build.write())[statement_shapes]
    assert [(one.statement_id, one.statement) for one in shapes.values()] == [
        ("q1", "SELECT b"), ("q2", "SELECT a"),
    ]  # fmt: skip


def test_a_commit_makes_a_repetition_new_and_a_rollback_does_not(build):
    read = "SELECT a.x FROM a WHERE a.id = ?"
    for kind in (SpanKind.COMMIT, SpanKind.ROLLBACK):
        with build.request(f"GET /{kind.name}") as request:
            request.query(read, digest=1)
            request.span(kind)
            request.query(read, digest=1)
    uses = View(build.write())[request_queries]
    assert uses["GET /COMMIT", read, ""].repeat_count == 0
    assert uses["GET /ROLLBACK", read, ""].repeat_count == 1


def test_a_repeat_by_a_lazy_load_counts_though_the_first_was_no_lazy_load(build):
    read = "SELECT x.id FROM x WHERE x.id = ?"
    with build.request("GET /") as request:
        request.query(read, digest=1)
        request.query(read, digest=1, detail="Post.author")
    uses = View(build.write())[request_queries]
    assert uses["GET /", read, "Post.author"].repeat_count == 1


def test_what_a_serialisers_package_wraps_around_a_view_is_not_serialising(build):
    build.documents["profile"] = {
        "stacks": {
            "posts;webargs:wrapper;blog/views.py:3 posts;builtins:sorted": 5_000,
            "posts;flask_restx:Resource.dispatch_request;flask_restx:wrapper;blog/views.py:3 f": 50,
            "posts;webargs:wrapper;flask_marshmallow:Schema.jsonify;marshmallow:Schema.dump": 700,
        }
    }
    assert View(build.write())[endpoint_stacks]["posts"].serialising == {"flask_marshmallow": 700}


def test_a_pipeline_is_one_trip(build):
    with build.request("GET /a") as request:
        request.cache("PIPELINE", hit=None, pipeline=True)
        request.cache("GET", hit=True)
        request.cache("GET", hit=False)
    calls = View(build.write())[cache_calls]["GET /a"]
    assert (calls.trip_count, calls.hit_count, calls.hit_request_count) == (3, 1, 0)
    assert calls.singles_by_command == {"GET": [2]}


def test_without_marks_a_transaction_lasts_from_the_first_query_to_its_end(build):
    def call(name, *, end_before):
        with build.request(f"GET /{name}") as request:
            request.span(SpanKind.QUERY, "SELECT ?", rows=1)
            if end_before:
                request.span(SpanKind.ROLLBACK)
            request.http("GET x")
            if not end_before:
                request.span(SpanKind.COMMIT)

    call("open", end_before=False)
    call("ended", end_before=True)
    calls = View(build.write())[external_calls]
    assert calls["GET /open", "GET x"].held_count == 1
    assert calls["GET /ended", "GET x"].held_count == 0


def test_who_opens_a_connection_does_not_wait_for_those_of_others(build):
    with build.request("GET /a") as request:
        with request.around(SpanKind.POOL_WAIT):
            request.span(SpanKind.CONNECT, ms=9)
            request.idle(4)
        request.span(SpanKind.POOL_WAIT, ms=1)
        with request.around(SpanKind.CONNECTION):
            request.query("SELECT ?", ms=5)
    use = View(build.write())[pool_timeline]["GET /a"]
    assert use.wait_s == pytest.approx(0.001, abs=1e-5)
    assert use.use_s == pytest.approx(0.005)


def test_reads_after_a_commit_count_if_they_only_refresh(build):
    with build.request("POST /a") as request:
        request.query("INSERT INTO a (x) VALUES (?) RETURNING a.id", digest=1)
        request.span(SpanKind.COMMIT)
        request.query("SELECT a.x FROM a WHERE a.id = ?", digest=2, detail="A (expired)")
        request.query("SELECT b.x FROM b WHERE b.id = ?", digest=3)
    entry = View(build.write())[transaction_timeline]["POST /a"]
    assert list(entry.rereads) == ["SELECT a.x FROM a WHERE a.id = ?"]
    assert entry.committed_write_count == 1
    assert [write.table for write in entry.writes.values()] == ["a"]


def test_a_write_that_changed_nothing_is_no_write(build):
    with build.request("GET /a") as request:
        request.query("UPDATE a SET x = ? WHERE a.id = ?", rows=0, digest=1)
        request.span(SpanKind.COMMIT)
    assert View(build.write())[transaction_timeline]["GET /a"].committed_write_count == 0


def test_library_time_belongs_to_the_function_that_asked_for_it(build):
    build.stacks = {
        "login;shop/views.py:3 login;werkzeug:check_password_hash;hashlib:pbkdf2": 30,
        "login;shop/views.py:4 login": 10,
        "login;flask:Flask.dispatch_request": 5,
    }
    build.document(
        "app", {"routes": [{"endpoint": "login", "view": {"file": "shop/views.py", "line": 3}}]}
    )
    with build.request("GET /login") as request:
        request.work(4)
    view = View(build.write())
    stacks = view[endpoint_stacks]["login"]
    assert stacks.weight == 45
    assert list(stacks.own) == [("shop/views.py", "login")]
    login = stacks.own["shop/views.py", "login"]
    assert (login.weight, login.lines) == (40, {3: 30, 4: 10})
    assert login.called == {"werkzeug:check_password_hash": 30}
    assert view[endpoint_cpu]["GET /login"].cpu_s == pytest.approx(0.005)
    assert str(view[view_places]["login"]) == "shop/views.py:3"


def test_settings_know_how_many_connections_fit(build):
    surroundings(build, threads=8, pool_size=2)
    found = View(build.write())[settings]
    assert (found.engines[0].capacity, found.fitting_pool_size, found.max_connections) == (
        2,
        8,
        100,
    )


def test_enough_connections_that_are_still_waited_for_are_doubled(build):
    surroundings(build, threads=4, pool_size=5)
    assert View(build.write())[settings].fitting_pool_size == 10


def test_an_index_counts_whatever_the_order_of_its_first_columns(build):
    surroundings(build)
    table = View(build.write())[table_statistics]["indexed"]
    assert table.has_index_on(("customer_id",))
    assert table.has_index_on(("status", "customer_id"))
    assert not table.has_index_on(("status",))


def test_the_machine_is_as_busy_as_its_processes(build):
    surroundings(build)
    for second in range(11):
        with build.request("GET /a", gap_ms=998) as request:
            request.work(1)
        build.samples.append(
            {
                "t_ns": build.now_ns - 500 * MS,
                "process": "worker-1",
                "pid": 1,
                "cpu_s": second * 1.0,
                "rss_bytes": 5,
            }
        )
    found = View(build.write())[worker_timeline]
    assert found.workers[0].cpu_s == pytest.approx(10)
    assert found.busy_ratio == pytest.approx(0.45, abs=0.06)


def test_flags_of_spans_are_kept(build):
    with build.request("GET /a") as request:
        request.http("GET x", flags=SpanFlag.NO_TIMEOUT | SpanFlag.ERROR)
    calls = View(build.write())[external_calls]["GET /a", "GET x"]
    assert (calls.no_timeout_count, calls.error_count) == (1, 1)


def test_a_function_that_a_template_calls_is_no_rendering(build):
    with build.request("GET /a", endpoint="list") as request:
        request.work(1)
    page = "list;flask:render_template;shop/templates/list.html:7 root template"
    build.stacks = {
        f"{page};jinja2:Undefined.__str__": 70_000,
        f"{page};shop/config.py:3 get_config;cachelib:make_key": 20_000,
    }
    entry = View(build.write())[endpoint_stacks]["list"]
    assert entry.templating == {"shop/templates/list.html:7 root template": 70_000}
    assert entry.own["shop/config.py", "get_config"].weight == 20_000
