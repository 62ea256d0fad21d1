"""Suites that call ``create_all`` and ``drop_all`` around each test, as Flask-Testing's do."""

import pytest
from tests.plugin.compat.projects import failures, names, passed, write_catalog
from tests.plugin.sandbox.project import run_pytest

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    directory = tmp_path_factory.mktemp("rebuilding")
    return run_pytest(
        write_catalog(directory, "rebuilding", ini="assay_app = catalog:create_app\n"), "-v"
    )


@pytest.mark.parametrize("name", names("rebuilding"))
def test_a_suite_finds(outcome, name):
    assert name in passed(outcome), outcome.text


def test_what_was_left_out_is_counted(outcome):
    assert failures(outcome) == set()
    assert "calls of create_all and drop_all sent no DDL" in outcome.text


SEEDED = """
import pytest
from catalog import Item, create_app, db


def seed():
    db.session.add(Item(name="seeded"))
    db.session.commit()


@pytest.fixture
def context():
    with create_app().app_context():
        yield
        db.session.remove()


def test_base_data_stays_where_tables_are_only_made(context):
    db.create_all()
    assert db.session.query(Item).one().name == "seeded"


def test_base_data_goes_with_the_tables(context):
    db.drop_all()
    db.create_all()
    assert db.session.query(Item).count() == 0
"""


def test_tables_with_base_data_are_dropped(tmp_path):
    ini = "assay_app = catalog:create_app\nassay_seed = test_seeded:seed\n"
    write_catalog(tmp_path, ini=ini)
    (tmp_path / "test_seeded.py").write_text(SEEDED)
    found = run_pytest(tmp_path)
    assert failures(found) == set(), found.text
    assert len(passed(found)) == 2


def test_a_schema_of_the_suites_own_is_made_and_dropped(tmp_path):
    ini = "assay_app = catalog:create_app\nassay_schema = none\n"
    found = run_pytest(
        write_catalog(tmp_path, "rebuilding", ini=ini), "-k", "each_test_begins or in_the_middle"
    )
    assert failures(found) == set(), found.text
    assert "sent no DDL" not in found.text
