"""Tests that hang, lose their connection or wait for each other: what is said, and the next one."""

import re

import pytest
from tests.plugin.sandbox.bad_tests import HANGS_BEFORE_THE_FAILURE, SUITE
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture(scope="module", params=["psycopg", "psycopg2"])
def outcome(request, tmp_path_factory):
    project = write_project(tmp_path_factory.mktemp("project"), test_bad=SUITE)
    shop = project / "shop.py"
    shop.write_text(shop.read_text().replace("psycopg2://", f"{request.param}://"))
    if request.param == "psycopg2":  # it answers a signal when its statement has ended
        suite = project / "test_bad.py"
        suite.write_text(SUITE.replace("pg_sleep(60)", "pg_sleep(7)"))
    with (project / "pytest.ini").open("a") as ini:
        ini.write("assay_lock_wait = 0.5\n")
    return run_pytest(project, "--assay-keep-failed", "--timeout-method=signal")


def names(prefix):
    return re.findall(rf"^(?:def )?({prefix}\w+)", SUITE, re.MULTILINE)


@pytest.mark.parametrize("name", ["test_last", *names("test_after_")])
def test_the_next_test_finds_everything_as_it_should_be(outcome, name):
    assert outcome.of(name) == "PASSED", outcome.text


@pytest.mark.parametrize("name", HANGS_BEFORE_THE_FAILURE)
def test_a_test_that_hangs_fails(outcome, name):
    assert outcome.of(name) == "FAILED", outcome.text


def test_nothing_of_that_is_called_a_leak(outcome):
    assert "LEAK" not in outcome.text, outcome.text
    assert "Exception terminating connection" not in outcome.text, outcome.text


def test_a_wait_for_a_lock_ends_and_names_who_holds_it(outcome):
    assert outcome.of("test_waits_for_itself") == "FAILED", outcome.text
    assert "after 0.5 s unless the app says otherwise (setting assay_lock_wait)" in outcome.text
    assert re.search(r"idle in transaction for [\d.]+ s, last sent: LOCK TABLE item", outcome.text)


def test_only_the_database_of_the_attempt_that_counts_is_kept(outcome):
    said = re.findall(r"^kept, while this run lasts", outcome.text, re.MULTILINE)
    kept = re.findall(r"^kept      \S+::(\w+)", outcome.text, re.MULTILINE)
    assert "test_fails_after_a_change_of_gear" in kept
    assert "test_passes_after_a_change_of_gear" not in kept
    assert len(said) == len(kept) == len(set(kept)), outcome.text
