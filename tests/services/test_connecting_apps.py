"""Apps that use their database while they are made, session after session, on real servers."""

import sys
from dataclasses import dataclass

import pytest

from flask_assay.errors import TargetError
from flask_assay.sandbox.admin import Admin
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.early import EarlyServer, project_key, remember
from flask_assay.sandbox.providing import provide
from flask_assay.sandbox.recipe import Recipe
from flask_assay.services.run_dir import RunDirectory
from flask_assay.services.supervisor import Supervisor

HEAD = """
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import text

db = SQLAlchemy()
calls = []


class Item(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    name = db.Column(db.String(50))


def create_app():
    calls.append("create_app")
    app = Flask("connecting")
    app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql+psycopg2://app@prod.invalid/shop"
    db.init_app(app)
    with app.app_context():
        start()
    return app
"""
MAKES_TABLES = """
def start():
    db.create_all()
    db.session.execute(text("SELECT count(*) FROM item"))
"""
ADDS_WHAT_IS_MISSING = """
def start():
    db.create_all()
    if Item.query.count() == 0:
        db.session.add(Item(name="admin"))
        db.session.commit()
"""
ADDS_EACH_TIME = """
def start():
    db.create_all()
    db.session.add(Item(name="started"))
    db.session.commit()
"""
AT_IMPORT = "\napp = create_app()\n"


@dataclass
class Session:
    """What one session got."""

    is_cached: bool
    calls: int
    rows: list
    tables: int


class Project:
    """A project whose sessions follow each other in one process."""

    def __init__(self, directory, base, name):
        self.file, self.base, self.name = directory / f"{name}.py", base, name

    def write(self, start, tail=""):
        self.file.write_text(HEAD + start + tail)
        sys.modules.pop(self.name, None)

    @property
    def module(self):
        return sys.modules[self.name]

    def session(self, app="create_app", *, imports=False):
        """Begin, look at the template, and end."""
        if imports:
            sys.modules.pop(self.name, None)
        elif self.name in sys.modules:
            self.module.calls.clear()
        recipe = Recipe(f"{self.name}:{app}")
        key = project_key(self.name, app)
        attachment = Attachment()
        with RunDirectory.create(self.base) as run, Supervisor(run) as supervisor:
            early = EarlyServer.launch(supervisor, key)
            try:
                provision = provide(supervisor, recipe, attachment, early=early)
            except TargetError:
                (run.cache / f"last-{key}.txt").unlink()
                raise
            remember(run.cache, key, provision.digest)
            admin = Admin(provision.server, attachment.own_connect())
            assert provision.app.name == "connecting"
            (template,) = provision.templates
            rows = admin.query(template.db, "SELECT name FROM item ORDER BY id")
            return Session(
                provision.is_cached,
                len(self.module.calls),
                [name for (name,) in rows],
                len(template.facts.link.tables),
            )


@pytest.fixture
def project(tmp_path, monkeypatch, base, request):
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # files change within a second
    name = f"connecting_{request.node.name}".lower()[:60]
    yield Project(tmp_path, base, name)
    sys.modules.pop(name, None)


def test_tables_made_in_the_factory_are_kept_until_the_models_change(project):
    project.write(MAKES_TABLES)
    assert project.session() == Session(is_cached=False, calls=1, rows=[], tables=1)
    assert project.session() == Session(is_cached=True, calls=1, rows=[], tables=1)
    db = project.module.db
    db.Table("extra", db.Column("id", db.Integer, primary_key=True))
    # The factory meets the old template first, and is called again on an empty database.
    assert project.session() == Session(is_cached=False, calls=2, rows=[], tables=2)
    assert project.session() == Session(is_cached=True, calls=1, rows=[], tables=2)


def test_an_app_that_leaves_its_database_alone_is_there_with_its_template(project):
    project.write("\ndef start():\n    pass\n")
    for is_cached in (False, True):
        assert project.session() == Session(is_cached, calls=1, rows=[], tables=1)


@pytest.mark.slow
def test_rows_added_in_the_factory_are_kept_until_its_source_changes(project):
    project.write(ADDS_WHAT_IS_MISSING)
    assert project.session() == Session(is_cached=False, calls=1, rows=["admin"], tables=1)
    assert project.session() == Session(is_cached=True, calls=1, rows=["admin"], tables=1)
    project.write(ADDS_WHAT_IS_MISSING.replace('"admin"', '"owner"'))
    assert project.session() == Session(is_cached=False, calls=1, rows=["owner"], tables=1)
    assert project.session() == Session(is_cached=True, calls=1, rows=["owner"], tables=1)


@pytest.mark.slow
def test_a_factory_that_writes_each_time_gets_an_empty_database_each_time(project):
    project.write(ADDS_EACH_TIME)
    first = Session(is_cached=False, calls=1, rows=["started"], tables=1)
    assert project.session() == first
    assert project.session() == Session(is_cached=False, calls=2, rows=["started"], tables=1)
    assert project.session() == first  # known from here on
    project.write(ADDS_WHAT_IS_MISSING)
    assert not project.session().is_cached
    assert project.session() == Session(is_cached=True, calls=1, rows=["admin"], tables=1)


@pytest.mark.slow
def test_an_app_that_connects_as_it_is_imported_is_told_when_its_template_does_not_fit(project):
    project.write(ADDS_WHAT_IS_MISSING, AT_IMPORT)
    assert not project.session("app", imports=True).is_cached
    assert project.session("app", imports=True).is_cached
    project.write(ADDS_EACH_TIME, AT_IMPORT)
    assert project.session("app", imports=True).rows == ["started"]
    with pytest.raises(TargetError, match="must be built anew"):
        project.session("app", imports=True)
    for _ in range(2):  # told once
        assert project.session("app", imports=True).rows == ["started"]
