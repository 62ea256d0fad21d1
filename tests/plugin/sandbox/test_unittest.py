"""`AssayTestCase`, run by unittest itself and by pytest."""

import os
import sys
from subprocess import run

import pytest
from tests.plugin.sandbox.project import run_pytest, write_project

pytestmark = pytest.mark.services

SUITE = """
import unittest
from sqlalchemy import text
from flask_assay.unittest import AssayTestCase
from shop import Item, db


class ItemTest(AssayTestCase):
    assay_app = "shop:create_app"
    assay_seed = "shop:seed"

    def setUp(self):
        self.client.post("/items", json={"name": "from set-up"})

    def test_one(self):
        self.assertEqual(self.client.post("/items", json={"name": "x"}).json, {"n": 3})

    def test_two(self):
        self.assertEqual(self.client.get("/items").json, ["from set-up", "seeded"])

    def test_vacuum_is_run_again_on_a_clone(self):
        with self.app.app_context():
            with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as one:
                one.execute(text("VACUUM item"))
        self.assertEqual(self.client.get("/items").json, ["from set-up", "seeded"])

    @unittest.skip("no reason")
    def test_skipped(self):
        raise AssertionError

    @unittest.expectedFailure
    def test_expected(self):
        self.assertEqual(self.client.get("/items").json, [])

    def test_fails(self):
        self.fail("on purpose")

    def test_leaks(self):
        with self.app.app_context():
            try:
                db.session.execute(text("COMMIT"))
            except Exception:
                pass


class SharedTest(AssayTestCase):
    assay_app = "shop:create_app"
    assay_seed = "shop:seed"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.app.app_context():
            db.session.add(Item(name="of class"))
            db.session.commit()

    def test_one(self):
        self.client.post("/items", json={"name": "x"})
        self.assertEqual(self.client.get("/items").json, ["of class", "seeded", "x"])

    def test_two(self):
        self.assertEqual(self.client.get("/items").json, ["of class", "seeded"])


class LostTest(AssayTestCase):
    assay_app = "shop:create_app"
    assay_seed = "shop:seed"

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        with cls.app.app_context():
            db.session.add(Item(name="of class"))
            db.session.commit()

    def test_lose_their_rows(self):
        with self.app.app_context():
            try:
                db.session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
            except Exception:
                pass

    def test_miss_them(self):
        self.assertEqual(self.client.get("/items").json, ["of class", "seeded"])


class NextTest(AssayTestCase):
    assay_app = "shop:create_app"
    assay_seed = "shop:seed"

    def test_the_rows_of_the_class_are_gone(self):
        self.assertEqual(self.client.get("/items").json, ["seeded"])


if __name__ == "__main__":
    unittest.main()
"""

LOST = {"test_lose_their_rows", "test_miss_them"}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    return write_project(tmp_path_factory.mktemp("unittest"), test_items=SUITE)


def test_unittest_alone_runs_it(project):
    variables = {k: v for k, v in os.environ.items() if not k.startswith("COVERAGE_")}
    done = run(
        [sys.executable, "-m", "unittest", "-v", "test_items"],
        cwd=project,
        env=variables,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    text = done.stderr
    failed = {line.split()[1] for line in text.splitlines() if line.startswith(("FAIL:", "ERROR:"))}
    assert failed == {"test_fails", "test_leaks", *LOST}, text
    # Counted by line: Python 3.12.1 leaves skipped tests out of "Ran …".
    assert sum(" ... " in line for line in text.splitlines()) == 12, text
    assert "setUpClass wrote rows, so the test cannot be run again on a clone" in text, text
    assert "the rows that setUpClass wrote are gone: test_items.LostTest.test_lose" in text, text
    assert "skipped=1, expected failures=1" in text, text
    assert "IsolationLeak: SQL text would end" in text
    assert "atexit" not in text, text


@pytest.mark.parametrize("is_on", [True, False])
def test_pytest_runs_it_with_and_without_the_plugin(project, is_on):
    switch = [] if is_on else ["--assay-gear", "off"]
    outcome = run_pytest(project, *switch)
    failed = {
        line.split("::")[-1].split(" ")[0]
        for line in outcome.text.splitlines()
        if line.startswith(("FAILED ", "ERROR "))
    }
    lost = set() if is_on else LOST  # pytest has setUpClass executed again
    assert failed == {"test_fails", "test_leaks", *lost}, outcome.text
