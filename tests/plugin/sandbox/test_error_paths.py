"""Servers that are gone, gears that change under a pool, fixtures that are dear."""

import pytest
from tests.plugin.sandbox import error_paths
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    project = write_project(
        tmp_path_factory.mktemp("project"),
        test_pings=error_paths.PINGS,
        test_down=error_paths.DOWN,
        test_dear=error_paths.DEAR,
    )
    return run_pytest(project, "-v")


@pytest.mark.parametrize(
    "name",
    [
        "test_a_ping_is_no_statement_of_the_app",
        "test_a_database_that_is_gone",
        "test_mail_that_is_refused",
        "test_a_code_that_refuses_nothing",
        "test_the_first_is_on_a_clone",
        "test_a_fixture_without_rows_is_not_executed_again",
        "test_a_fixture_with_rows_is",
    ],
)
def test_a_suite_relies_on(outcome, name):
    assert outcome.of(name) == "PASSED", outcome.text


def test_a_pool_that_pings_survives_a_change_of_gear(outcome):
    gears = [
        f"test_gears_take_turns[{gear}{turn}]" for gear in ("rollback", "clone") for turn in "01"
    ]
    assert {outcome.of(name) for name in gears} == {"PASSED"}, outcome.text


def test_looking_up_the_machine_is_no_reason_for_a_clone(outcome):
    assert outcome.of("test_looking_up_the_machine_is_no_doubt") == "PASSED"
    assert "3 on clones" in outcome.text, outcome.text
