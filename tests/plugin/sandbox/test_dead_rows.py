"""A session whose tests write many rows: its tables stay small, its tests are not charged."""

import os
import sys
from subprocess import run

import pytest
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = [pytest.mark.services, pytest.mark.slow]

# Each test takes long enough for the next look to be due.
SUITE = """
import time

import pytest
from sqlalchemy import text

from flask_assay.sandbox.sandbox import Sandbox
from shop import create_app, db

app = create_app()
tidied = []
tidy = Sandbox.tidy
Sandbox.tidy = lambda sandbox: (tidied.append(1), tidy(sandbox))
MANY = "INSERT INTO item (name) SELECT 'name ' || i FROM generate_series(1, 20000) i"


def written():
    with app.app_context():
        size = db.session.execute(text("SELECT pg_table_size('item')")).scalar_one()
        db.session.execute(text(MANY))
        db.session.commit()
        full = db.session.execute(text("SELECT pg_table_size('item')")).scalar_one()
        time.sleep(1.1)
        return size, full
"""
WITH_PYTEST = (
    SUITE
    + """

@pytest.mark.parametrize("turn", range(4))
def test_writes(turn):
    size, full = written()
    assert turn < 2 or size < 100_000 < full
    assert len(tidied) == turn


def test_without_a_database():
    assert len(tidied) == 4


def test_nor_is_it_looked_after_that_one(assay_queries):
    assert len(tidied) == 4
    with assay_queries(3):
        assert written()[0] < 100_000
"""
)
WITH_UNITTEST = (
    SUITE
    + """
import unittest

from flask_assay.unittest import AssayTestCase


class WritingTest(AssayTestCase):
    assay_app = "shop:create_app"

    def _write(self):
        type(self).turn = getattr(self, "turn", -1) + 1
        size, full = written()
        assert self.turn < 2 or size < 100_000 < full, (self.turn, size, full)
        assert len(tidied) == self.turn

    test_1 = test_2 = test_3 = test_4 = lambda self: self._write()

    def test_5_without_a_database(self):
        assert len(tidied) == 4

    def test_6_nor_is_it_looked_after_that_one(self):
        assert len(tidied) == 4
"""
)


def test_tables_stay_small_under_pytest(tmp_path):
    project = write_project(tmp_path, test_many=WITH_PYTEST)
    outcome = run_pytest(project, "-p", "no:randomly")
    assert outcome.code == 0, outcome.text


def test_tables_stay_small_under_unittest(tmp_path):
    project = write_project(tmp_path, test_many=WITH_UNITTEST)
    done = run(
        [sys.executable, "-m", "unittest", "test_many"],
        cwd=project,
        env={k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
