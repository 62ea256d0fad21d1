import dataclasses
import json

import pytest
from tests.recordings.builder import MS, RecordingBuilder
from tests.recordings.scenarios import SCENARIOS, record

from flask_assay.artifacts.view import View
from flask_assay.audits.audit import Audit, Meta, State
from flask_assay.diagnosis import diagnose
from flask_assay.diagnosis.runner import run_audits
from flask_assay.model.finding import Finding, Outcome, Place, Severity
from flask_assay.model.rows import Phase, RequestFlag, SpanKind
from flask_assay.recording.reader import open_recording


def hello(path, *, count=50, **options):
    build = RecordingBuilder(path)
    for number in range(count):
        with build.request("GET /hello", **options) as request:
            request.work(2 + number % 3)
    return build


def test_a_healthy_run_is_called_healthy(tmp_path):
    diagnosis = diagnose(hello(tmp_path).write())
    assert diagnosis.verdict == "healthy"
    assert diagnosis.headline.startswith("Healthy: 50 requests")
    assert diagnosis.findings == ()


def test_the_worst_problem_makes_the_headline(tmp_path):
    diagnosis = diagnose(record(tmp_path, SCENARIOS["n-plus-one-queries"][0]))
    assert diagnosis.verdict == "problems"
    assert "Order.customer" in diagnosis.headline
    assert len(diagnosis.headline) < 90


def test_errors_make_the_run_a_failing_one(tmp_path):
    diagnosis = diagnose(hello(tmp_path, status=500).write())
    assert diagnosis.verdict == "failing"
    assert "GET /hello (50 of 50)" in diagnosis.headline


@pytest.mark.parametrize(("status", "is_told"), [(429, True), (404, False)])
def test_an_app_that_limits_how_often_it_is_asked_is_told_so(tmp_path, status, is_told):
    warnings = diagnose(hello(tmp_path, status=status).write()).warnings
    assert any("answered 429" in each for each in warnings) == is_told


def test_few_requests_are_inconclusive(tmp_path):
    diagnosis = diagnose(hello(tmp_path, count=5).write())
    assert diagnosis.verdict == "inconclusive"
    assert any("Only 5 requests" in warning for warning in diagnosis.warnings)


def test_a_recording_of_nothing_but_its_manifest_is_diagnosed(tmp_path):
    (tmp_path / "recording.json").write_text(json.dumps({"schema_version": 1, "run_id": "x"}))
    diagnosis = diagnose(open_recording(tmp_path))
    assert diagnosis.status == "partial"
    assert diagnosis.verdict == "inconclusive"
    assert diagnosis.routes == ()
    assert {result.outcome for result in diagnosis.results} <= {
        Outcome.NOT_APPLICABLE, Outcome.PASSED,
    }  # fmt: skip
    assert all(r.reason for r in diagnosis.results if r.outcome is Outcome.NOT_APPLICABLE)


def test_torn_rows_are_read_up_to_the_tear(tmp_path):
    hello(tmp_path).write()
    path = tmp_path / "probe-100.rows"
    path.write_bytes(path.read_bytes()[:2_000])
    diagnosis = diagnose(open_recording(tmp_path))
    assert 0 < diagnosis.routes[0].request_count < 50
    [requests] = [one for one in diagnosis.reconciliations if one.what == "requests"]
    assert not requests.ok
    assert any(warning.startswith("Requests: 50 sent") for warning in diagnosis.warnings)


def test_a_recording_without_a_load_takes_every_request(tmp_path):
    diagnosis = diagnose(hello(tmp_path, client=False).write(phases=False))
    assert diagnosis.routes[0].request_count == 50
    assert diagnosis.reconciliations == ()


def test_warm_up_and_background_work_do_not_count(tmp_path):
    build = hello(tmp_path)
    with build.request("(background)", flags=RequestFlag.BACKGROUND, client=False) as request:
        request.query("SELECT ?")
    build.events.append({"t_ns": build.now_ns, "event": "phase", "phase": "drain", "users": 0})
    with build.request("GET /late", phase=Phase.DRAIN) as request:
        request.work(1)
    diagnosis = diagnose(build.write())
    assert [route.route for route in diagnosis.routes] == ["GET /hello"]


def test_the_breakdown_adds_up_to_the_response_time(tmp_path):
    build = RecordingBuilder(tmp_path)
    for _ in range(40):
        with build.request("GET /page", queueing_ms=3) as request:
            request.span(SpanKind.POOL_WAIT, ms=1)
            request.cache(ms=2)
            request.http("GET x", ms=10)
            with request.around(SpanKind.TEMPLATE, "page.html"):
                request.query("SELECT ?", ms=4)
                request.work(5)
            request.idle(7)
    parts = diagnose(build.write()).routes[0].breakdown_s
    expected = {
        "pool-wait": 1,
        "cache": 2,
        "external": 10,
        "database": 4,
        "template": 5,
        "queueing": 3,
    }
    for part, ms in expected.items():
        assert parts[part] == pytest.approx(ms / 1e3, abs=1e-4), part
    assert parts["unexplained"] == pytest.approx(0.0072 - parts["app-cpu"], abs=2e-3)
    served = sum(seconds for part, seconds in parts.items() if part != "queueing")
    assert served == pytest.approx(0.0292, abs=1e-4)


def test_an_allowed_finding_is_a_note_of_its_audit_and_no_finding(tmp_path):
    recording = record(tmp_path, SCENARIOS["n-plus-one-queries"][0])
    allowed = diagnose(recording, allow={"n-plus-one-queries:GET /orders": "an export"})
    assert allowed.findings == ()
    result = next(r for r in allowed.results if r.audit == "n-plus-one-queries")
    assert result.outcome is Outcome.PASSED
    assert "an export" in result.notes[0]
    key = diagnose(recording).findings[0].key
    assert diagnose(recording, allow={f"n-plus-one-queries:{key}": "known"}).findings == ()


def test_an_entry_that_names_no_audit_is_told_with_the_nearest_name(tmp_path):
    recording = record(tmp_path, SCENARIOS["n-plus-one-queries"][0])
    entries = {"n-plus-one-query:GET /orders": "typed wrong", "missing-index:x": "right"}
    (told,) = (
        one for one in diagnose(recording, allow=entries).warnings if "allows nothing" in one
    )
    assert "n-plus-one-query:GET /orders" in told
    assert told.endswith("Did you mean 'n-plus-one-queries'?")


def test_a_crashing_audit_is_a_labelled_result(tmp_path):
    def crash(given):
        raise KeyError("oops")

    view = View(hello(tmp_path).write())
    [result] = run_audits(view, [Audit(Meta("broken", "", "", ()), crash, "")], {})
    assert result.outcome is Outcome.ERROR
    assert result.reason == "KeyError: 'oops'"


def test_an_audit_gets_only_what_it_declared(tmp_path):
    from flask_assay.artifacts.steady_state import steady_state

    view = View(hello(tmp_path).write())
    audit = Audit(Meta("greedy", "", "", ()), lambda given: given[steady_state], "")
    [result] = run_audits(view, [audit], {})
    assert result.outcome is Outcome.ERROR
    assert "steady-state is not declared" in result.reason


def test_a_preview_audit_never_says_error(tmp_path):
    view = View(hello(tmp_path).write())
    finding = Finding("new", "k", Severity.ERROR, "It is so.")
    meta = Meta("new", "", "", (), state=State.PREVIEW)
    [result] = run_audits(view, [Audit(meta, lambda given: [finding, finding], "")], {})
    assert [one.severity for one in result.findings] == [Severity.WARNING] * 2
    assert [one.key for one in result.findings] == ["k", "k#2"]


PAGE = "SELECT p.id FROM posts AS p JOIN users AS u ON u.id = p.user_id WHERE p.a = ? AND p.b = ?"
SHUFFLED = (
    "SELECT p.id FROM posts AS p JOIN users AS u ON u.id = p.user_id WHERE p.b = ? AND p.a = ?"
)
COUNT = "SELECT count(*) FROM posts AS p JOIN users AS u ON u.id = p.user_id"


@pytest.mark.parametrize(
    ("named", "slow", "line", "is_folded"),
    [
        ({"sql": PAGE}, PAGE, 9, True),
        ({"sql": PAGE}, SHUFFLED, 9, True),
        ({"sql": PAGE.replace("p.b = ?", "p.b = true")}, PAGE, 9, True),
        ({"sql": "SELECT 1", "further_sql": (COUNT, PAGE)}, PAGE, 9, True),
        ({"sql": PAGE}, COUNT, 3, True),
        ({"sql": PAGE}, COUNT, 9, False),
        ({"sql": PAGE}, "SELECT p.id FROM posts AS p", 3, False),
        ({}, PAGE, 3, False),
    ],
    ids=[
        "same",
        "shuffled",
        "constant",
        "of-several",
        "same-line",
        "elsewhere",
        "other-tables",
        "no-sql",
    ],
)
@pytest.mark.parametrize("allow", [{}, {"index:k": "on purpose"}], ids=["shown", "allowed"])
def test_a_dear_statement_that_a_finding_covers_is_told_once(
    tmp_path, named, slow, line, is_folded, allow
):
    view = View(hello(tmp_path, count=1).write())
    cause = Finding("index", "k", Severity.NOTE, "No index.", place=Place("views.py", 3), **named)
    dear = Finding("slow", "s", Severity.NOTE, "Slow.", place=Place("views.py", line), sql=slow)
    audits = [
        Audit(Meta("slow", "", "", (), is_fallback=True), lambda given: [dear], ""),
        Audit(Meta("index", "", "", ()), lambda given: [cause], ""),
    ]
    result, _ = run_audits(view, audits, allow)
    assert result.findings == (() if is_folded else (dear,))


@pytest.mark.parametrize("allow", [{}, {"rows:k": "on purpose"}], ids=["shown", "allowed"])
@pytest.mark.parametrize(
    ("routes", "is_folded"),
    [(("GET /a",), True), (("GET /a", "GET /b"), False), (("GET /c",), False)],
)
def test_an_effect_is_told_with_its_cause_where_that_is_found(tmp_path, routes, is_folded, allow):
    view = View(hello(tmp_path, count=1).write())
    cause = Finding("rows", "k", Severity.NOTE, "All rows.", routes=("GET /a", "GET /z"))
    effect = Finding("text", "t", Severity.WARNING, "Much text.", routes=routes)
    audits = [
        Audit(Meta("text", "", "", (), effect_of=frozenset({"rows"})), lambda given: [effect], ""),
        Audit(Meta("rows", "", "", ()), lambda given: [cause], ""),
    ]
    result, _ = run_audits(view, audits, allow)
    assert result.findings == (() if is_folded else (effect,))
    assert result.outcome is (Outcome.PASSED if is_folded else Outcome.FAILED)
    assert ("the cost of the rows told of: Much text." in result.notes) is is_folded


def test_a_measured_effect_ranks_before_an_attributed_one(tmp_path):
    build = RecordingBuilder(tmp_path)
    SCENARIOS["n-plus-one-queries"][0](build)
    SCENARIOS["slow-external-call"][0](build)
    recording = build.write()
    before = diagnose(recording)
    assert before.findings[0].audit == "slow-external-call"
    loop = next(one for one in before.findings if one.audit == "n-plus-one-queries")
    effect = {
        "route": "GET /orders", "before_s": 0.02, "after_s": 0.01, "change_s": -0.01, "low_s": -0.012,
        "high_s": -0.008, "level": 0.95, "launch_count": 5, "pair_count": 50, "oracle": "equal",
    }  # fmt: skip
    trial = {
        "remedy_id": f"{loop.audit}/{loop.key}/0", "intervention": "eager-load", "parameters": {},
        "summary": "Load it.", "outcome": "faster", "effects": [effect], "prices": {}, "reason": "",
        "duration_s": 1.0,
    }  # fmt: skip
    (tmp_path / "trials.json").write_text(json.dumps({"trials": [trial, {"outcome": "odd"}]}))
    after = diagnose(open_recording(tmp_path))
    assert after.findings[0].audit == "n-plus-one-queries"
    assert after.trials[0].effects[0].excludes_zero
    assert any("could not be read" in warning for warning in after.warnings)


def test_waterfalls_show_the_median_and_the_slowest_request(tmp_path):
    diagnosis = diagnose(record(tmp_path, SCENARIOS["n-plus-one-queries"][0]))
    median, slowest = diagnosis.traces
    assert (median.which, slowest.which) == ("median", "slowest")
    assert median.duration_s <= slowest.duration_s
    assert median.spans[0].label.startswith("q")
    assert all(span.start_s >= 0 for span in median.spans)


def test_series_count_every_request(tmp_path):
    build = hello(tmp_path, gap_ms=200)
    for step in range(8):
        build.samples.append(
            {
                "t_ns": build.now_ns - (8 - step) * 1000 * MS,
                "process": "worker-1",
                "pid": 1,
                "cpu_s": step / 4,
                "rss_bytes": 10**7,
            }
        )
    series = {one.name: one for one in diagnose(build.write()).series}
    assert sum(v or 0 for v in series["requests_per_s"].values) == 50
    assert series["cpu_ratio:worker-1"].values[1] == pytest.approx(0.25)
    assert all(len(one.t_s) == len(one.values) for one in series.values())


def test_the_document_is_json(tmp_path):
    diagnosis = diagnose(record(tmp_path, SCENARIOS["missing-index"][0]))
    text = json.dumps(dataclasses.asdict(diagnosis), allow_nan=False)
    assert "op.create_index" in text


def test_the_same_recording_gives_the_same_document(tmp_path):
    recording = record(tmp_path, SCENARIOS["duplicate-queries"][0])
    assert diagnose(recording) == diagnose(open_recording(tmp_path))
