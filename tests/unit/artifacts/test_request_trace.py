import pytest
from tests.recordings.builder import RecordingBuilder

from flask_assay.artifacts.request_trace import replay, request_trace, unchanged
from flask_assay.artifacts.view import View
from flask_assay.model.rows import RequestFlag


def trace_of(path, *, count=100, change_every=0, flags=0, identities=1, status=200):
    """100 requests of 100 ms each: one every 0.1 s."""
    build = RecordingBuilder(path)
    for number in range(count):
        body = number // change_every + 1 if change_every else 1
        with build.request(
            "GET /top", gap_ms=89.8, body_digest=body, query_digest=3, flags=flags, status=status,
            identity_digest=number % identities + 1,
        ) as request:  # fmt: skip
            request.work(10)
    return View(build.write())[request_trace]["GET /top"]


def test_an_entry_lives_until_its_time_is_over(tmp_path):
    found = replay(trace_of(tmp_path), 1.0)
    assert found.hit_count == 90
    assert found.stale_count == 0
    assert found.saved_s == pytest.approx(90 * 0.0102, rel=0.01)


def test_a_body_that_changed_meanwhile_makes_a_hit_stale(tmp_path):
    found = replay(trace_of(tmp_path, change_every=5), 1.0)
    assert found.stale_ratio == pytest.approx(5 / 9, abs=0.05)


def test_identities_get_their_own_entries_once_the_code_reads_them(tmp_path):
    trace = trace_of(tmp_path, flags=RequestFlag.IDENTITY_READ, identities=10)
    assert trace.is_per_identity
    assert replay(trace, 1.0).hit_count == 0
    assert replay(trace, 60.0).hit_count == 90


@pytest.mark.parametrize(
    ("flag", "reason"),
    [(RequestFlag.SETS_COOKIE, "cookie"), (RequestFlag.NO_STORE, "forbids storing")],
)
def test_what_must_not_be_cached_is_refused(tmp_path, flag, reason):
    assert reason in trace_of(tmp_path, flags=flag).refused


def test_errors_are_not_kept(tmp_path):
    assert trace_of(tmp_path, status=404).refused == "no body was hashed"


def test_a_cache_that_forgets_on_change_is_never_stale(tmp_path):
    found = unchanged(trace_of(tmp_path, change_every=5))
    assert (found.hit_count, found.stale_count) == (80, 0)


def test_a_body_that_always_changes_is_never_a_hit(tmp_path):
    assert unchanged(trace_of(tmp_path, change_every=1)).hit_count == 0
