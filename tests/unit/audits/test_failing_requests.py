"""Failed requests are told by what raised them, and not by what else went wrong in them."""

from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import broken, record

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Severity
from flask_assay.model.rows import SpanKind


def findings(recording):
    return [one for one in diagnose(recording).findings if one.audit == "failing-requests"]


def test_the_exception_and_its_line_stand_in_the_finding(tmp_path):
    [finding] = findings(record(tmp_path, broken))
    assert finding.title == ("GET /orders/<int:id> fails in 10 of 40 requests: KeyError: ?")
    assert str(finding.place) == "shop/orders.py:12"
    assert finding.severity is Severity.WARNING
    assert [one.value for one in finding.evidence] == [25.0, "500 × 10"]


def test_the_last_exception_of_a_request_is_its_cause(tmp_path):
    build = RecordingBuilder(tmp_path)
    with build.request("GET /x", status=500) as request:
        request.span(SpanKind.EXCEPTION, "ValueError", ms=0, site="shop/a.py:1 f")
        request.span(SpanKind.EXCEPTION, "TypeError", ms=0, site="shop/errors.py:2 handler")
    [finding] = findings(build.write())
    assert finding.key == "shop/errors.py:handler:TypeError"


def test_failures_without_an_exception_are_told_as_well(tmp_path):
    build = RecordingBuilder(tmp_path)
    for status in (502, 0):
        with build.request("GET /x", status=status):
            pass
    [finding] = findings(build.write())
    assert finding.place is None
    assert finding.evidence[1].value == "no response × 1, 502 × 1"


def test_one_failure_in_thousands_is_a_note(tmp_path):
    build = RecordingBuilder(tmp_path)
    for number in range(300):
        with build.request("GET /x", status=500 if number == 7 else 200):
            pass
    [finding] = findings(build.write())
    assert finding.severity is Severity.NOTE
