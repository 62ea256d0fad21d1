"""One cause that many routes share is one finding."""

import pytest
from tests.recordings.builder import MS, RecordingBuilder
from tests.recordings.scenarios import surroundings

from flask_assay.diagnosis import diagnose
from flask_assay.model.rows import NO_USER_FRAME, Phase, SpanKind

AUTHOR = "SELECT u.id FROM users u WHERE u.id = ?"


def found(build, audit):
    return [one for one in diagnose(build.write()).findings if one.audit == audit]


def start(path):
    build = RecordingBuilder(path)
    surroundings(build)
    return build


def test_a_line_that_writes_in_every_route_is_one_finding(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        for route in ("GET /a", "GET /b", "GET /c"):
            with build.request(route) as request:
                request.query(
                    "UPDATE orders SET seen = ? WHERE id = ?",
                    digest=number + 1,
                    site="" if route == "GET /c" else "shop/auth.py:9 ping",
                )
                request.span(SpanKind.COMMIT, ms=1)
                request.work(2)
    [finding] = found(build, "write-on-read")
    assert set(finding.routes) == {"GET /a", "GET /b", "GET /c"}
    assert str(finding.place) == "shop/auth.py:9"
    assert len(finding.title) < 90


def test_two_lines_that_write_in_one_route_are_two_findings(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        with build.request("GET /a") as request:
            for line, column in ((9, "seen"), (30, "total")):
                request.query(
                    f"UPDATE orders SET {column} = ? WHERE id = ?",
                    digest=number + 1,
                    site=f"shop/auth.py:{line} f{line}",
                )
            request.span(SpanKind.COMMIT, ms=1)
    places = {str(one.place) for one in found(build, "write-on-read")}
    assert places == {"shop/auth.py:9", "shop/auth.py:30"}


def test_a_helper_that_asks_the_cache_from_many_routes_is_one_finding(tmp_path):
    build = start(tmp_path)
    for _ in range(30):
        for route in ("GET /a", "GET /b"):
            with build.request(route) as request:
                for _ in range(8):
                    request.cache("GET", site="shop/settings.py:4 setting")
                request.work(2)
    [finding] = found(build, "chatty-cache")
    assert set(finding.routes) == {"GET /a", "GET /b"}


def serialised(path, *, loader="shop/views.py:10 posts", site=NO_USER_FRAME):
    build = start(path)
    for number in range(40):
        with build.request("GET /posts") as request:
            # The same statement for another reason, from a line of its own.
            request.query(AUTHOR, digest=900, site="shop/auth.py:5 user", detail="Token.user")
            count = 10 + number % 5
            request.query("SELECT p.id FROM posts p LIMIT ?", rows=count, digest=1, site=loader)
            for k in range(count):
                sampled = site if k % 4 == 0 else ""
                request.query(AUTHOR, digest=k + 1, site=sampled, detail="Post.author")
            request.work(3)
    return build


def test_a_load_after_the_view_returned_is_placed_where_its_rows_were_loaded(tmp_path):
    [finding] = found(serialised(tmp_path), "n-plus-one-queries")
    assert str(finding.place) == "shop/views.py:10"
    assert "after your code returned" in finding.detail
    assert "Post.author" in finding.title


def test_relationships_that_send_one_statement_keep_their_own_lines(tmp_path):
    build = serialised(tmp_path, site="shop/views.py:14 to_json")
    [finding] = found(build, "n-plus-one-queries")
    assert str(finding.place) == "shop/views.py:14"
    assert "after your code returned" not in finding.detail


def test_reloads_of_one_line_are_one_finding_over_tables_and_routes(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        for route in ("GET /a", "GET /b"):
            with build.request(route) as request:
                request.query("SELECT u.id FROM users u WHERE u.id = ?", digest=number + 1)
                request.span(SpanKind.COMMIT, ms=1)
                for table in ("tokens", "users"):
                    request.query(
                        f"SELECT {table}.id FROM {table} WHERE {table}.id = ?",
                        digest=number + 1,
                        site="shop/auth.py:11 user",
                        detail=f"{table.title()} (expired)",
                    )
                request.query("SELECT u.id FROM users u WHERE u.id = ?", digest=number + 999)
                request.work(2)
    [finding] = found(build, "expired-reload")
    assert finding.title == (
        "GET /a and GET /b read tokens and users again after a commit, 2.0 times per request"
    )


def test_an_app_of_which_little_answered_is_not_called_healthy(tmp_path):
    build = start(tmp_path)
    rules = [{"rule": f"/{name}", "methods": ["GET"]} for name in "abcd"]
    build.document("app", {"routes": rules, "engines": []})
    for number in range(60):
        with build.request("GET /a" if number % 2 else "GET /b", status=200 if number % 2 else 401):
            pass
    diagnosis = diagnose(build.write())
    assert diagnosis.verdict == "inconclusive"
    assert diagnosis.headline.startswith("Inconclusive: 1 of 4 GET routes answered")
    assert diagnosis.warnings[0] == (
        "1 of 4 GET routes were exercised; 1 refused every request (401, 403), 2 got no request. "
        "Sign in: the setting `login`, or a locustfile."
    )


def queueing(path, *, machine_idle, config_file="gunicorn.conf.py"):
    build = start(path)
    server = {"name": "gunicorn", "workers": 1, "threads": 1, "config_file": config_file}
    build.document("server", {**server, "cmd_args": ""})
    for second in range(30):
        for process, about in (
            ("worker-1", {"pid": 1, "cpu_s": second * 0.2, "rss_bytes": 10**7}),
            ("machine", {"pid": 0, "cpu_s": second * 1.0, "idle_s": second * machine_idle}),
        ):
            build.samples.append({"t_ns": build.now_ns, "process": process, **about})
        with build.request("GET /a", gap_ms=985, queueing_ms=400) as request:
            request.work(15)
    build.now_ns += MS
    return [one for one in found(build, "worker-mismatch") if one.key == "queueing"]


def test_queueing_while_other_programs_fill_the_machine_is_left_alone(tmp_path):
    assert queueing(tmp_path, machine_idle=0.05) == []


def test_queueing_under_settings_of_nobody_is_a_note(tmp_path):
    [finding] = queueing(tmp_path / "a", machine_idle=1.0, config_file="")
    assert finding.severity.value == "note"
    [finding] = queueing(tmp_path / "b", machine_idle=1.0)
    assert finding.severity.value == "warning"


def test_a_cold_cache_that_is_filled_once_is_no_finding(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        with build.request("GET /a") as request:
            for _ in range(20 if number < 8 else 0):
                request.cache("SETEX", site="shop/config.py:7 get")
            request.work(2)
    assert found(build, "chatty-cache") == []


def test_a_few_requests_that_ask_the_cache_often_are_no_finding(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        with build.request("GET /rare" if number < 4 else "GET /a") as request:
            for _ in range(20 if number < 4 else 1):
                request.cache("GET", site="shop/config.py:7 get")
            request.work(2)
    assert found(build, "chatty-cache") == []


def test_variants_of_one_product_are_one_finding(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        with build.request("GET /a") as request:
            hidden = " AND o.status = ?" if number % 2 else ""
            request.query(
                f"SELECT o.id FROM orders o, customers c WHERE o.customer_id = ?{hidden}",
                digest=number + 1,
                rows=9,
                site="shop/pages.py:4 page",
            )
            request.work(2)
    [finding] = found(build, "cartesian-product")
    assert finding.evidence[0].value == 40


def test_a_count_of_other_rows_than_those_of_the_page_is_no_pager(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        with build.request("GET /a") as request:
            request.query(
                "SELECT o.id FROM orders o WHERE o.customer_id = ? ORDER BY o.id LIMIT ?",
                rows=20,
                digest=number + 1,
            )
            request.query("SELECT count(*) AS n FROM orders o", digest=1, ms=4)
            request.work(2)
    assert found(build, "count-for-pagination") == []


def test_waiting_once_for_a_connection_is_no_queue(tmp_path):
    build = start(tmp_path)
    for number in range(40):
        with build.request("GET /a") as request:
            request.span(SpanKind.POOL_WAIT, ms=500 if number < 3 else 0.01)
            request.work(2)
    assert found(build, "pool-starvation") == []


def test_first_visits_that_write_are_no_writing_page(tmp_path):
    build = start(tmp_path)
    for number in range(2):
        with build.request("GET /hints") as request:
            request.query("INSERT INTO orders (id) VALUES (?)", digest=number + 1)
            request.span(SpanKind.COMMIT, ms=1)
    assert found(build, "write-on-read") == []


def test_a_rare_page_that_writes_is_counted_over_the_warm_up_too(tmp_path):
    build = start(tmp_path)
    build.now_ns -= 900 * MS
    for number in range(3):
        if number == 1:
            build.now_ns += 900 * MS
        with build.request(
            "GET /topic", phase=Phase.STEADY if number else Phase.WARM_UP
        ) as request:
            request.query(
                "UPDATE orders SET views = ? WHERE id = ?",
                digest=number + 1,
                site="forum/models.py:8 count",
            )
            request.span(SpanKind.COMMIT, ms=1)
            request.work(2)
    [finding] = found(build, "write-on-read")
    assert finding.evidence[0].value == 3
    assert "1 sent before it" in finding.detail


@pytest.mark.parametrize(("rows", "is_pager"), [(20, True), (1, False)])
def test_a_count_for_drawing_one_row_by_chance_is_no_pager(tmp_path, rows, is_pager):
    build = start(tmp_path)
    for number in range(40):
        with build.request("GET /a") as request:
            request.query("SELECT count(*) AS n FROM orders o", digest=1, ms=4)
            request.query(
                "SELECT o.id FROM orders o LIMIT ? OFFSET ?", rows=rows, digest=number + 1
            )
            request.work(2)
    assert bool(found(build, "count-for-pagination")) == is_pager
