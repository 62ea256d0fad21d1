"""Rare routes are counted over the warm-up too, and nobody is counted who was turned away."""

import pytest
from tests.recordings.builder import MS, RecordingBuilder

from flask_assay.artifacts.counted_requests import ENOUGH, counted_requests
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View
from flask_assay.diagnosis import diagnose
from flask_assay.model.rows import Phase


@pytest.fixture
def build(tmp_path):
    return RecordingBuilder(tmp_path)


def warm_up(build, *requests):
    build.now_ns -= 900 * MS
    began = build.now_ns
    for route, status in requests:
        send(build, route, status, phase=Phase.WARM_UP)
    build.now_ns = began + 900 * MS


def send(build, route, status=200, *, phase=Phase.STEADY, loops=0):
    with build.request(route, status=status, phase=phase) as request:
        for number in range(loops):
            request.query(
                "SELECT name FROM authors WHERE id = ?",
                digest=number + 1,
                site="shop/admin.py:7 list_books",
                detail="Book.author",
            )


def counted(build):
    return View(build.write())[counted_requests]


def test_a_rare_route_gets_its_latest_warm_up_requests_and_no_more_than_enough(build):
    warm_up(build, *[("GET /rare", 200)] * 9)
    for _ in range(2):
        send(build, "GET /rare")
    found = counted(build)
    assert len(found.by_route["GET /rare"]) == ENOUGH == found.served_counts["GET /rare"]
    assert found.earlier_counts == {"GET /rare": ENOUGH - 2}
    starts = [row.start_ns for row in found.by_route["GET /rare"]]
    assert starts == sorted(starts)


def test_a_route_that_was_asked_often_keeps_the_steady_state_alone(build):
    warm_up(build, *[("GET /often", 200)] * 9)
    for _ in range(ENOUGH):
        send(build, "GET /often")
    found = counted(build)
    assert len(found.by_route["GET /often"]) == ENOUGH
    assert found.earlier_counts == {}


def test_a_route_of_the_warm_up_alone_is_counted_and_not_timed(build):
    warm_up(build, ("GET /admin", 200))
    send(build, "GET /")
    view = View(build.write())
    assert set(view[counted_requests].by_route) == {"GET /", "GET /admin"}
    assert set(view[steady_state].by_route) == {"GET /"}


def test_of_earlier_requests_those_that_a_memo_answered_count_last(build):
    build.now_ns -= 900 * MS
    send(build, "GET /memo", phase=Phase.SETUP, loops=8)
    for _ in range(ENOUGH):
        send(build, "GET /memo", phase=Phase.WARM_UP)
    build.now_ns += 900 * MS
    for _ in range(2):
        send(build, "GET /memo")
    found = counted(build)
    assert [len(row.spans) for row in found.by_route["GET /memo"]] == [8, 0, 0, 0, 0]
    assert found.earlier_counts == {"GET /memo": ENOUGH - 2}


@pytest.mark.parametrize("status", [302, 401, 403])
def test_requests_that_are_turned_away_count_as_none(status, build):
    warm_up(build, ("GET /admin", 200), ("GET /admin", status))
    for _ in range(9):
        send(build, "GET /admin", status)
    found = counted(build)
    assert found.served_counts == {"GET /admin": 1}
    assert [row.status for row in found.by_route["GET /admin"]] == [200, *[status] * 9]


def test_a_redirect_after_a_write_is_an_answer(build):
    for status in (200, 302, 302):
        send(build, "POST /orders", status)
    assert counted(build).served_counts == {"POST /orders": 3}


def test_where_everybody_is_redirected_that_is_the_answer(build):
    for _ in range(3):
        send(build, "GET /random", 302)
    assert counted(build).served_counts == {"GET /random": 3}


def test_a_loop_that_two_of_eleven_were_served_is_found_and_says_what_it_stands_on(build):
    build.now_ns -= 900 * MS
    send(build, "GET /admin/books", phase=Phase.WARM_UP, loops=20)
    build.now_ns += 900 * MS
    for _ in range(30):
        send(build, "GET /admin/books", 302)
    [finding] = diagnose(build.write()).findings
    assert finding.audit == "n-plus-one-queries"
    assert "1 sent before it is counted" in finding.detail
    assert finding.evidence[0].n == 1
