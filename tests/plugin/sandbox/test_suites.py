"""Our plugin in somebody else's suite."""

import sys
from subprocess import run

import pytest
from tests.plugin.sandbox import suites
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(
        tmp_path_factory.mktemp("project"),
        conftest=suites.CONFTEST,
        test_gears=suites.GEARS,
        test_next=suites.NEXT,
        test_session=suites.SESSION,
    )


@pytest.fixture(scope="module")
def first(project):
    return run_pytest(project)


FAIL = {
    "test_a_swallowed_commit_leaks",
    "test_a_procedure_that_really_commits_is_healed",
    "test_a_failure_stays_a_failure",
}


def failures(outcome):
    return {
        line.split("::")[-1].split(" ")[0]
        for line in outcome.text.splitlines()
        if line.startswith(("FAILED ", "ERROR "))
    }


def test_only_the_tests_that_should_fail_do(first):
    assert failures(first) == FAIL, first.text


def test_a_leak_names_statement_and_line(first):
    assert "IsolationLeak: SQL text would end the test's outer transaction" in first.text
    assert "sent at    test_gears.py:" in first.text


def test_a_change_of_gear_is_told_by_test_statement_and_line(first):
    assert "the server refuses this inside a transaction block: VACUUM item" in first.text


def test_a_test_without_database_sends_nothing(first):
    assert "without the database" in first.text


@pytest.mark.slow
def test_workers_come_to_the_same_result(project, first):
    outcome = run_pytest(project, "-n", "2", "--dist", "loadfile")
    assert failures(outcome) == FAIL, outcome.text


def test_the_gear_is_remembered(project, first):
    outcome = run_pytest(project, "-k", "vacuum or now_advances", "-v")
    assert outcome.code == 0, outcome.text
    assert "0 in the rollback gear" in outcome.text
    assert "2 on clones" in outcome.text


def test_a_failed_tests_database_is_kept_on_request(project, first):
    outcome = run_pytest(project, "-k", "failure_stays", "--assay-keep-failed")
    assert "psql 'postgresql://assay_app@/assay_" in outcome.text, outcome.text
    (path,) = (project / ".assay" / "kept").glob("*.sql")
    assert f"psql kept -f .assay/kept/{path.name}" in outcome.text
    assert f"flask assay kept {path.stem}" in outcome.text
    done = run(
        [sys.executable, "-m", "flask", "assay", "kept", "failure_stays"],
        cwd=project,
        input="select name from item;",
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert "seeded" in done.stdout
    assert "until psql ends: postgresql://assay_app@/kept?host=" in done.stderr


def test_rows_of_a_child_process_are_found_after_the_module(tmp_path):
    project = write_project(tmp_path, test_child=suites.CHILD, test_later=suites.LATER)
    outcome = run_pytest(project)
    assert failures(outcome) == {"test_a_child_writes"}, outcome.text
    assert "rows or tables outlived the tests of test_child.py" in outcome.text


def test_nothing_happens_when_it_is_off(tmp_path):
    project = write_project(tmp_path, test_off="def test_plain():\n    pass\n")
    outcome = run_pytest(project, "--assay-gear", "off")
    assert outcome.code == 0
    assert "assay: tests are isolated" not in outcome.text


def test_a_wrong_app_is_explained(tmp_path):
    project = write_project(tmp_path, test_one="def test_plain(client):\n    pass\n")
    ini = project / "pytest.ini"
    ini.write_text(ini.read_text().replace("shop:create_app", "shop:nothing"))
    outcome = run_pytest(project)
    assert 'assay_app = "shop:nothing"' in outcome.text, outcome.text
    assert outcome.code == 4


@pytest.mark.parametrize("workers", [[], ["-n", "2"]])
def test_a_template_that_cannot_be_built_ends_the_run_with_the_reason(tmp_path, workers):
    project = write_project(tmp_path, test_one="def test_plain(client):\n    pass\n")
    shop = project / "shop.py"
    shop.write_text(shop.read_text().replace('Item(name="seeded")', "Item()"))
    outcome = run_pytest(project, *workers)
    assert "the test template could not be built: seed (shop:seed)" in outcome.text
    assert "INTERNALERROR" not in outcome.text, outcome.text
    assert outcome.code == 4


RERUNS = """
def pytest_addoption(parser):
    parser.addoption("--reruns", type=int)

def pytest_configure(config):
    config.pluginmanager.register(object(), "rerunfailures")
"""


def test_another_plugin_that_reruns_tests_is_refused(tmp_path):
    project = write_project(tmp_path, conftest=suites.CONFTEST + RERUNS, test_next=suites.NEXT)
    outcome = run_pytest(project, "--reruns", "2")
    assert "--reruns and flask-assay's sandbox both run a test again" in outcome.text
    assert "passed" not in outcome.text


PLAIN = """
from flask import Flask, jsonify
from sqlalchemy import Column, Integer, create_engine, text
from sqlalchemy.orm import Session, declarative_base

engine = create_engine("sqlite:///notes.db")
Base = declarative_base()
app = Flask(__name__)


class Note(Base):
    __tablename__ = "note"
    __table_args__ = {"schema": "stock"}
    id = Column(Integer, primary_key=True)


@app.post("/")
def add():
    with Session(engine) as session:
        session.add(Note())
        session.commit()
        return jsonify(session.query(Note).count(), session.scalar(text("SELECT version()")))
"""

TWICE = """
import pytest


@pytest.mark.parametrize("turn", range(2))
def test_add(client, turn):
    count, version = client.post("/").json
    assert count == 1
    assert version.startswith("PostgreSQL")
"""


@pytest.mark.slow
def test_an_app_of_plain_sqlalchemy_on_sqlite_is_isolated_and_its_file_never_made(tmp_path):
    project = write_project(tmp_path, test_add=TWICE, plain=PLAIN)
    ini = (project / "pytest.ini").read_text().replace("assay_seed = shop:seed\n", "")
    (project / "pytest.ini").write_text(ini.replace("shop:create_app", "plain:app"))
    outcome = run_pytest(project)
    assert "2 passed" in outcome.text, outcome.text
    assert not (project / "notes.db").exists()
