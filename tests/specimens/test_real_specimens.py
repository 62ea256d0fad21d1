"""A real app with one problem a route, run for real; and the same app without them.

The confusion of both runs is printed: `pytest -s tests/specimens`.
"""

import shutil
from pathlib import Path

import pytest
from tests.run.command_rig import PATIENT_S, assay, recordings, until_answered

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Severity
from flask_assay.recording.reader import open_recording

pytestmark = [pytest.mark.load, pytest.mark.slow, pytest.mark.measures]

HERE = Path(__file__).parent
# By family: what is to be found, on which route; "" for what belongs to the process.
EXPECTED = {
    "database": {
        ("n-plus-one-queries", "GET /bylines"),
        ("unread-rows", "GET /badge/<int:author_id>"),
        ("unread-columns", "GET /titles"),
        ("unused-eager-load", "GET /names"),
        ("missing-index", "GET /time/<int:article_id>"),
        ("duplicate-queries", "GET /twice/<int:author_id>"),
        ("growth-with-data", "GET /front"),
    },
    "caching": {("uncached-response", "GET /front")},
    "external": {
        ("slow-external-call", "GET /quote"),
        ("retry-storm", "GET /stubborn"),
        ("duplicate-external-calls", "GET /rates"),
    },
    "server": {
        ("pool-starvation", ""),
        ("worker-mismatch", ""),
        ("failing-requests", "GET /broken/<int:number>"),
    },
    "memory": {("memory-growth", "GET /label/<key>"), ("unbounded-cache", "GET /label/<key>")},
    "cpu": {("hot-function", "GET /distances/<word>")},
}
# True as well: what follows from a problem that is there.
ALSO = {
    ("slow-query", "GET /front"),
    ("slow-external-call", "GET /rates"),
    ("slow-external-call", "GET /stubborn"),
    ("serial-calls", "GET /stubborn"),
    ("unread-columns", "GET /names"),
}


def run(project, *, fixed):
    project.mkdir()
    shutil.copy(HERE / "shop_of_faults.py", project / "shop.py")
    # nine samples of memory, one a second, are the least that growth is seen in
    until, options = until_answered(1500, users=8, warm_up_s=3, least_s=15)
    load = (HERE / "locustfile_of_faults.py").read_text()
    (project / "locustfile.py").write_text(load + until)
    (project / "gunicorn.conf.py").write_text("workers = 1\nthreads = 8\n")
    outcome = assay(
        project, project / "base", "run", *options, "--total-s", 0, "--no-experiments", "--seed", "shop:seed", "--services", "shop:services",
        app="shop", env={"FIXED": "1" if fixed else ""}, timeout_s=PATIENT_S,
    )  # fmt: skip
    assert recordings(project), outcome.err
    return diagnose(open_recording(recordings(project)[-1]))


def said(diagnosis):
    """Return (audit, route) of all findings; notes and warnings alike."""
    return {(f.audit, route) for f in diagnosis.findings for route in f.routes or ("",)}


@pytest.fixture(scope="module")
def affected(tmp_path_factory):
    return run(tmp_path_factory.mktemp("affected") / "project", fixed=False)


@pytest.mark.parametrize("family", EXPECTED)
def test_the_problems_of_each_family_are_found_on_their_routes(family, affected):
    found = said(affected) | {(f.audit, "") for f in affected.findings}
    missed = EXPECTED[family] - found
    assert missed == set(), "\n".join(f"{f.audit} {f.routes} {f.title}" for f in affected.findings)


def test_nothing_else_is_said_above_a_note(affected):
    due = set.union(*EXPECTED.values()) | ALSO
    process_wide = {audit for audit, route in due if not route}
    wrong = [
        (f.audit, f.routes, f.title)
        for f in affected.findings
        if f.severity is not Severity.NOTE
        and f.audit not in process_wide
        and not any((f.audit, route) in due for route in f.routes)
    ]
    serious = sum(f.severity is not Severity.NOTE for f in affected.findings)
    print(f"\naffected: {len(wrong)} of {serious} serious findings are wrong")
    assert wrong == []


def test_a_failure_names_its_exception_and_line(affected):
    [finding] = [f for f in affected.findings if f.audit == "failing-requests"]
    assert "KeyError" in finding.title
    source = (HERE / "shop_of_faults.py").read_text().splitlines()
    assert "nothing here" in source[finding.place.line - 1]


def test_where_all_is_well_nothing_is_said_above_a_note(tmp_path):
    diagnosis = run(tmp_path / "project", fixed=True)
    serious = [
        (f.audit, f.routes, f.title)
        for f in diagnosis.findings
        if f.severity is not Severity.NOTE and (f.audit, *f.routes) not in ALSO
    ]
    assert serious == []
