"""In place of pytest-flask-sqlalchemy: one test per row of the table in the how-to page."""

import pytest
from tests.plugin.compat.projects import failures, names, passed, write_catalog
from tests.plugin.sandbox.project import run_pytest

pytestmark = pytest.mark.services

INI = """
assay_app = catalog:create_app
assay_compat = pytest-flask-sqlalchemy pytest-flask
mocked-engines = catalog.engine
mocked-sessions = catalog.other
mocked-sessionmakers = catalog.Maker
"""


@pytest.fixture(scope="module")
def outcome(tmp_path_factory):
    return run_pytest(write_catalog(tmp_path_factory.mktemp("session"), "session_names", ini=INI))


@pytest.mark.parametrize("name", names("session_names"))
def test_a_suite_finds(outcome, name):
    assert name in passed(outcome), outcome.text


def test_nothing_else_happened(outcome):
    assert failures(outcome) == set()
    assert "assay: in place of pytest-flask-sqlalchemy, pytest-flask" in outcome.text


OWN = """
import pytest
from catalog import Item, create_app, db
from sqlalchemy import text


@pytest.fixture(scope="session")
def app():
    return create_app()


@pytest.fixture(scope="session")
def _db(app):
    with app.app_context():
        db.create_all()
        yield db
        db.drop_all()


@pytest.fixture(scope="module")
def shared(_db, app):
    with app.app_context():
        db.session.add(Item(name="shared"))
        db.session.commit()


@pytest.mark.parametrize("turn", range(2))
def test_own_db_fixture(shared, db_session, db_engine, turn):
    db_session.add(Item(name="x"))
    db_session.commit()
    with db_engine.connect() as connection:
        assert connection.execute(text("select count(*) from item")).scalar() == 2
"""


def test_the_suites_own_db_fixture_makes_the_schema(tmp_path):
    """The sandbox needs no ``assay_app`` for this one: the suite's fixtures make everything."""
    write_catalog(tmp_path, ini="assay_compat = pytest-flask-sqlalchemy\n")
    (tmp_path / "test_own.py").write_text(OWN)
    found = run_pytest(tmp_path)
    assert passed(found) == {"test_own_db_fixture"}, found.text


def test_a_missing_db_fixture_is_an_error_that_says_so(tmp_path):
    write_catalog(tmp_path, ini="assay_compat = pytest-flask-sqlalchemy\n")
    (tmp_path / "test_none.py").write_text("def test_none(db_session): pass")
    found = run_pytest(tmp_path)
    assert failures(found) == {"test_none"}
    assert "NotImplementedError: _db fixture not defined" in found.text
