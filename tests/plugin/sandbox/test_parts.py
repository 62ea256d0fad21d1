"""What can only be seen of a whole run: ids, strictness, doubts that wait."""

import re

import pytest
from tests.plugin.sandbox import parts
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = pytest.mark.services


def of_tests(outcome):
    """Map each test, without parameters, to the set of its outcomes."""
    found = {}
    for word, name in re.findall(r"^(PASSED|FAILED|ERROR) \S*::(\w+)", outcome.text, re.MULTILINE):
        found.setdefault(name, set()).add(word)
    return found


@pytest.mark.slow
def test_random_ids_are_asked_for_test_by_test_or_for_all(tmp_path):
    project = write_project(tmp_path, test_ids=parts.IDS)
    marked = run_pytest(project)
    assert marked.code == 0, marked.text
    for_all = run_pytest(project, "--assay-ids", "random", "-k", "afterwards")
    assert for_all.of("test_afterwards_ids_are_the_templates") == "FAILED", for_all.text


def test_strictness_refuses_what_is_not_declared(tmp_path):
    project = write_project(
        tmp_path, test_strict=parts.STRICT, assay_unittest=parts.STRICT_UNITTEST
    )
    with (project / "pytest.ini").open("a") as ini:
        ini.write("assay_strict = true\n")
    outcome = run_pytest(project)
    failed = {name for name, words in of_tests(outcome).items() if words != {"PASSED"}}
    assert failed == {"test_undeclared", "test_swallowed"}, outcome.text
    assert outcome.of("test_of_unittest") == "PASSED", outcome.text
    assert "UndeclaredDatabase: the test uses the database without declaring it" in outcome.text


@pytest.mark.parametrize("workers", [[], ["-n", "2", "--dist", "loadfile"]])
def test_doubts_wait_until_all_tests_are_done(tmp_path, workers):
    project = write_project(tmp_path, test_doubts=parts.DOUBTS)
    first = run_pytest(project, "--assay-confirm", "later", *workers)
    assert of_tests(first)["test_a_doubt_with_reason"] == {"PASSED", "FAILED"}, first.text
    assert "passed in the rollback gear, with a doubt" in first.text
    assert "1 failed, 4 passed" in first.text
    assert "2 on clones" in first.text, first.text
    assert first.code == 1
    again = run_pytest(project, "--assay-confirm", "later", "-k", "without_reason or plain", "-v")
    assert "0 on clones" in again.text, again.text
