"""Importing does nothing: checked on sys.modules in a fresh interpreter."""

import subprocess
import sys

import pytest

HEAVY = ("sqlalchemy", "psycopg2", "psycopg", "locust", "gevent", "pytest", "gunicorn", "sqlglot",
         "rich", "redis", "requests")  # fmt: skip


def modules_after(statement: str) -> set[str]:
    code = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.split()}


@pytest.mark.parametrize(
    "statement",
    [
        "import flask_assay",
        "import flask_assay.cli",
        "import flask_assay.probe",
        "import flask_assay.model.document, flask_assay.recording.reader",
        "import flask_assay.diagnosis, flask_assay.report.html, flask_assay.report.terminal",
        "import flask_assay.load.control, flask_assay.load.plan",
        "import flask_assay.services.supervisor",
    ],
)
def test_an_import_pulls_in_nothing_heavy(statement):
    judging_reads_sql = {"sqlglot"} if "diagnosis" in statement else set()
    assert modules_after(statement) & (set(HEAVY) - judging_reads_sql) == set()


def test_the_command_group_needs_click_alone():
    found = modules_after("import flask_assay.cli")
    assert "click" in found
    assert "flask" not in found
