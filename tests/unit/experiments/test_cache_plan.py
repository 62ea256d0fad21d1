"""The replay at caches: what is sent, what counts as a hit, and what as stale."""

import pytest

from flask_assay.artifacts.request_trace import TraceEntry
from flask_assay.experiments import cache_plan
from flask_assay.experiments.cache_plan import TTLS_S
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.interventions.response_cache import CLOCK_HEADER
from flask_assay.experiments.replay import Answer, SentRequest
from flask_assay.load.transcript import Heard
from flask_assay.model.clock import SystemClock
from flask_assay.model.finding import Remedy
from flask_assay.model.rows import RequestRow, Span, SpanKind


class Caches:
    """A client of caches that work as they should, before an app whose body is its version."""

    def __init__(self, refused=0):
        self.version = 1
        self.refused = refused
        self.kept = {}
        self.asked_base = 0

    def send(self, request, *, arm):
        if request.method == "POST" and self.refused:
            self.refused -= 1
            return Answer(401, "", b"", 0.0)
        if request.method == "POST":
            self.version += 1
            return Answer(200, "", b"", 0.0)
        truth = b"%d" % self.version
        if arm == "base":
            self.asked_base += 1
            return Answer(200, "", truth, 0.0)
        ttl_s = float(arm.removeprefix("ttl-"))
        now_s = float(dict(request.headers)[CLOCK_HEADER])
        begin_s, body = self.kept.get((arm, request.path), (-1e9, b""))
        if now_s - begin_s < ttl_s:
            return Answer(200, "", body, 0.0, is_hit=True)
        self.kept[arm, request.path] = now_s, truth
        return Answer(200, "", truth, 0.0)


def plan():
    remedy = Remedy("response-cache", {"endpoint": "top", "ttl_s": 5.0}, "Cache it.")
    hypothesis = Hypothesis("a/b/0", remedy, frozenset({"GET /top"}))
    return cache_plan._Plan("GET /top", hypothesis, is_per_identity=False)


def repeated(asked_s, written_s, *, status=200, refused=0):
    """Ask at some times and write at others; return the plan's result and the client."""
    one, client = plan(), Caches(refused)
    get = SentRequest("GET /top", "GET", "/top", (), b"", status)
    post = SentRequest("POST /top", "POST", "/top", (), b"", 200)
    events = [
        cache_plan._Event(
            int(at * 1e9),
            get,
            one,
            TraceEntry(at, (1, 0), 1 + sum(t < at for t in written_s), 0.01),
        )
        for at in asked_s
    ]
    events += [cache_plan._Event(int(at * 1e9), post) for at in written_s]
    one.asked = len(asked_s)
    events.sort(key=lambda event: event.at_ns)
    cache_plan._repeat(client, events, SystemClock(), 60.0, lambda text: None)
    return one.result(), client


def test_entries_expire_at_the_recorded_times_and_stale_hits_are_seen():
    result, _ = repeated([0, 0.5, 0.9, 1.5, 4, 9, 30, 70], [0.7, 6])
    assert [point.ttl_s for point in result.points] == list(TTLS_S)
    for point in result.points:
        assert point.hit_ratio == pytest.approx(point.predicted_hit_ratio)
        assert point.stale_ratio == pytest.approx(point.predicted_stale_ratio)
    short, *_, long = result.points
    assert short.hit_ratio == 2 / 8
    assert short.stale_ratio == 1 / 2
    assert long.hit_ratio == 6 / 8
    assert (result.request_count, result.left_out_count, result.write_count) == (8, 0, 2)


def test_the_app_is_asked_only_if_all_caches_had_an_answer():
    _, client = repeated([0, 2, 2.5], [])
    assert client.asked_base == 1


def test_a_prediction_that_is_wrong_shows():
    one, client = plan(), Caches()
    get = SentRequest("GET /top", "GET", "/top", (), b"", 200)
    # the trace says that the body changed; the app gives the same
    for at, digest in ((0.0, 1), (0.2, 2), (0.4, 3)):
        cache_plan._ask(client, get, one, TraceEntry(at, (1, 0), digest, 0.01))
    point = one.result().points[0]
    assert point.predicted_stale_ratio == 1.0
    assert point.stale_ratio == 0.0


@pytest.mark.parametrize(("refused", "is_confirmed"), [(0, True), (1, True), (2, False)])
def test_staleness_is_not_measured_where_writes_are_refused(refused, is_confirmed):
    written = [0.1 + n / 100 for n in range(60)]
    result, _ = repeated([0, 0.05, 0.9], written, refused=refused)
    assert (result.write_count, result.refused_write_count) == (60 - refused, refused)
    for point in result.points:
        assert (point.stale_ratio is not None) is is_confirmed
        assert point.hit_ratio == 2 / 3


def test_a_write_that_leads_elsewhere_than_before_is_refused():
    client = Caches()
    post = SentRequest("POST /top", "POST", "/top", (), b"", 200)
    event = cache_plan._Event(0, post, heard=Heard(302, (), "/top", b""))
    assert not cache_plan._is_same(event, client.send(post, arm="base"))
    assert cache_plan._is_same(event, Answer(302, "", b"", 0.0, location="/top"))


def test_when_the_time_is_over_the_rest_is_left_out():
    one, client = plan(), Caches()
    get = SentRequest("GET /top", "GET", "/top", (), b"", 200)
    events = [cache_plan._Event(0, get, one, TraceEntry(0.0, (1, 0), 1, 0.01))] * 5
    one.asked = 5
    cache_plan._repeat(client, events, SystemClock(), -1.0, lambda text: None)
    assert (one.result().request_count, one.result().left_out_count) == (0, 5)


def row(*spans):
    """Return a request from 100 to 200 with spans of a kind, a start and a duration."""
    made = [Span(kind, 0, 1, "", "", "", start, wall, 1, 0) for kind, start, wall in spans]
    return RequestRow(1, 100, 100, 0, 7, "", "", 200, 0, 0, 1, 1, 0, tuple(made), 0)


def test_a_write_is_done_when_others_can_see_it():
    query, commit = (SpanKind.QUERY, 110, 5), (SpanKind.COMMIT, 120, 8)
    assert cache_plan._written_ns(row(query, commit)) == 128
    assert cache_plan._written_ns(row(commit, query, (SpanKind.COMMIT, 150, 2))) == 152
    assert cache_plan._written_ns(row(query)) == 200


def test_a_page_shows_what_its_longest_statement_read():
    user, page = (SpanKind.QUERY, 110, 5), (SpanKind.QUERY, 130, 20)
    assert cache_plan._read_ns(row(user, page, (SpanKind.TEMPLATE, 150, 40))) == 130
    assert cache_plan._read_ns(row()) == 100
