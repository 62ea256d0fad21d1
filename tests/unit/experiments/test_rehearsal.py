"""Requests are looked at before they are measured: do they show what the finding is about?"""

import pytest

from flask_assay.experiments import rehearsal
from flask_assay.experiments.arms import spare_arm
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.interventions.switchboard import shape_mark
from flask_assay.experiments.launch import Bench
from flask_assay.experiments.prove import served
from flask_assay.experiments.rehearsal import rehearse
from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.model.clock import SystemClock
from flask_assay.model.finding import Remedy

ROUTE, SHAPE = "GET /a", "SELECT x FROM a WHERE a.id = ?"


def wanted(intervention="index"):
    remedy = Remedy(intervention, {"endpoint": "a", "statement": SHAPE}, "Do it.")
    return Hypothesis("audit/a/0", remedy, frozenset({ROUTE}), 0, {ROUTE: frozenset({SHAPE})})


@pytest.fixture
def rehearsed(monkeypatch):
    """Rehearse against answers: path → (status, executions of the shape, None for unknown)."""

    def run(answers, hypothesis, most=2):
        class Host:
            def __init__(self, bench, arms):
                self.client = self

            def send(self, request, *, arm, tells):
                status, count = answers[request.path]
                shapes = None if count is None else {shape_mark(SHAPE): count, "other": 9}
                return Answer(status, "", b"", 0.01, shapes=shapes)

            def stop(self):
                pass

        monkeypatch.setattr(rehearsal, "Host", Host)
        requests = [SentRequest(ROUTE, "GET", path, (), b"", 200) for path in answers]
        bench = Bench(None, None, (), (), {ROUTE: requests}, SystemClock())
        return rehearse(bench, spare_arm([ROUTE]), most, [hypothesis])

    return run


def paths(found):
    return [each.path for each in found.requests.get(ROUTE, ())]


def test_requests_that_show_the_problem_are_measured(rehearsed):
    found = rehearsed({"/1": (200, 1), "/2": (200, 0), "/3": (200, 1)}, wanted())
    assert [each.remedy_id for each in found.shown] == ["audit/a/0"]
    assert paths(found) == ["/1", "/2"]


def test_a_later_request_is_taken_if_only_it_shows_the_problem(rehearsed):
    found = rehearsed({"/1": (200, 0), "/2": (200, 0), "/3": (200, 1)}, wanted())
    assert paths(found) == ["/1", "/3"]
    assert found.shown


def test_a_problem_that_no_request_shows_is_not_reproduced(rehearsed):
    found = rehearsed({"/1": (200, 0), "/2": (200, 0)}, wanted())
    assert found.shown == ()
    assert found.not_shown == {
        "audit/a/0": "none of the 2 requests that could be repeated ran its statement"
    }


def test_a_repeated_statement_shows_only_where_it_repeats(rehearsed):
    found = rehearsed({"/1": (200, 1), "/2": (200, 1)}, wanted("batch"))
    assert "more than once" in found.not_shown["audit/a/0"]
    assert rehearsed({"/1": (200, 2)}, wanted("batch")).shown


def test_an_app_whose_statements_are_not_seen_is_measured_all_the_same(rehearsed):
    assert rehearsed({"/1": (200, None)}, wanted()).shown


def test_requests_answered_otherwise_than_under_load_are_dropped(rehearsed):
    found = rehearsed({"/1": (401, 1), "/2": (200, 1)}, wanted())
    assert paths(found) == ["/2"]
    none = rehearsed({"/1": (401, 1)}, wanted())
    assert none.not_shown["audit/a/0"].startswith("its requests, sent again, were not answered")


@pytest.mark.parametrize(
    ("method", "statuses", "repeated"),
    [
        ("GET", [302, 200, 302], [200]),
        ("GET", [302, 302], [302, 302]),
        ("GET", [304, 200], [200]),
        ("POST", [302, 200], [302, 200]),
    ],
)
def test_who_was_only_sent_to_the_sign_in_is_not_sent_again_where_others_were_served(
    method, statuses, repeated
):
    requests = [SentRequest("r", method, "/a", (), b"", status) for status in statuses]
    assert [each.status for each in served(requests)] == repeated
