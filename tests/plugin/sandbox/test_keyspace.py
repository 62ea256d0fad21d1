"""Redis from the start: for the app, its seeds and every test."""

import pytest
from tests.plugin.sandbox import keyspace
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = pytest.mark.services


@pytest.mark.slow
def test_what_the_seed_left_is_there_for_each_test_of_each_run(tmp_path):
    project = write_project(tmp_path, with_redis=keyspace.SEED, test_keys=keyspace.SUITE)
    ini = project / "pytest.ini"
    ini.write_text(ini.read_text().replace("= shop:", "= with_redis:") + "assay_redis = true\n")
    for workers in ([], [], ["-n", "2"]):
        outcome = run_pytest(project, *workers)
        assert "3 passed" in outcome.text, outcome.text
