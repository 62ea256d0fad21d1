from tests.recordings.builder import RecordingBuilder

from flask_assay.diagnosis import diagnose
from flask_assay.model.rows import RequestFlag, SpanKind


def findings(path, *, change_every=0, cached=False, writes=False, flags=0, ms=20):
    build = RecordingBuilder(path)
    for number in range(120):
        body = number // change_every + 1 if change_every else 1
        with build.request(
            "GET /top", gap_ms=180, body_digest=body, query_digest=1, flags=flags
        ) as request:
            if cached:
                request.cache(hit=True)
            if writes:
                request.query("UPDATE a SET x = ? WHERE a.id = ?", digest=number + 1)
                request.span(SpanKind.COMMIT)
            request.query("SELECT a.x FROM a ORDER BY a.x LIMIT ?", ms=ms, rows=1, digest=1)
    return [one for one in diagnose(build.write()).findings if one.audit == "uncached-response"]


def test_the_lifetime_with_the_most_saved_is_proposed(tmp_path):
    [finding] = findings(tmp_path)
    assert finding.remedies[0].parameters["ttl_s"] == 15.0
    assert finding.remedies[0].parameters["per_identity"] is False


def test_an_identity_read_puts_the_user_into_the_key(tmp_path):
    [finding] = findings(tmp_path, flags=RequestFlag.IDENTITY_READ)
    assert finding.remedies[0].parameters["per_identity"] is True


def test_answers_that_change_often_are_to_be_forgotten_on_write(tmp_path):
    [finding] = findings(tmp_path, change_every=4)
    assert finding.remedies[0].intervention == "invalidate-on-write"


def test_answers_that_always_change_are_left_alone(tmp_path):
    assert findings(tmp_path, change_every=1) == []


def test_a_route_that_a_cache_serves_already_is_left_alone(tmp_path):
    assert findings(tmp_path, cached=True) == []


def test_a_route_that_writes_is_left_alone(tmp_path):
    assert findings(tmp_path, writes=True) == []


def test_what_may_not_be_stored_is_left_alone(tmp_path):
    assert findings(tmp_path, flags=RequestFlag.NO_STORE) == []


def test_a_fast_route_is_left_alone(tmp_path):
    assert findings(tmp_path, ms=1) == []
