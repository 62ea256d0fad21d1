"""Retries, repeats and plainly dear statements: what counts, and who has the first word."""

from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import dear, record, retries, scan

from flask_assay.artifacts.external_calls import external_calls
from flask_assay.artifacts.view import View
from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Outcome
from flask_assay.model.rows import SpanFlag, SpanKind


def calls_of(tmp_path, *calls):
    """Return what is made of one request's calls (path, digest, failed)."""
    build = RecordingBuilder(tmp_path)
    with build.request("GET /x") as request:
        for path, digest, failed in calls:
            flags = SpanFlag.ERROR if failed else 0
            request.span(
                SpanKind.HTTP,
                "GET api",
                ms=10,
                detail=path,
                digest=digest,
                flags=flags,
                site="a.py:1 f",
            )
    [entry] = View(build.write())[external_calls].values()
    return entry


def test_a_run_of_failures_ends_with_the_call_that_succeeds(tmp_path):
    entry = calls_of(tmp_path, ("/a", 1, True), ("/a", 1, True), ("/a", 1, False), ("/a", 1, True))
    assert entry.retry_counts == [3]
    assert entry.retry_wall_ns == 20_000_000


def test_failures_at_different_paths_are_no_retries(tmp_path):
    entry = calls_of(tmp_path, ("/a", 1, True), ("/b", 2, True), ("/c", 3, True))
    assert entry.retry_counts == []


def test_asking_again_after_a_failure_is_no_repeat(tmp_path):
    entry = calls_of(
        tmp_path, ("/a", 1, True), ("/a", 1, False), ("/a", 1, False), ("/a", 0, False)
    )
    assert entry.repeat_counts == [1]


def test_a_few_failed_requests_are_no_storm(tmp_path):
    def filled(build):
        retries(build, failing=False)
        for _ in range(2):
            with build.request("GET /rates") as request:
                for _ in range(3):
                    request.http(
                        "GET rates.example", ms=9, flags=SpanFlag.ERROR, detail="/v1/rates"
                    )

    results = {r.audit: r for r in diagnose(record(tmp_path, filled)).results}
    assert results["retry-storm"].outcome is Outcome.PASSED


def test_a_statement_that_another_audit_names_is_no_slow_query(tmp_path):
    def filled(build):
        scan(build)
        build.documents["plans"]["plans"][0]["execution_s"] = 0.02

    audits = {finding.audit for finding in diagnose(record(tmp_path, filled)).findings}
    assert audits == {"missing-index"}


def test_the_table_that_takes_longest_is_named(tmp_path):
    [finding] = diagnose(record(tmp_path, dear)).findings
    assert finding.audit == "slow-query"
    assert "orders takes longest: 83 %" in finding.detail


def test_on_a_busy_machine_a_statement_on_few_rows_is_no_slow_query(tmp_path):
    def filled(build):
        dear(build, ms=80)
        build.documents["plans"]["plans"][0]["tree"]["Plans"][0]["Actual Rows"] = 400

    assert diagnose(record(tmp_path, filled)).findings == ()
