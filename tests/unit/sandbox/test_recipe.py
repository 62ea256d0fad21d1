"""What a setting names, without any server."""

import contextlib
import sys
from functools import partial
from types import ModuleType, SimpleNamespace

import pytest
import sqlalchemy as sa
import sqlalchemy.orm

from flask_assay.errors import TargetError, UsageError
from flask_assay.sandbox.recipe import Recipe


class App:
    def __init__(self, *arguments, **named):
        self.made_with = (arguments, named)

    def test_client(self):
        raise NotImplementedError


@pytest.fixture(autouse=True)
def module(monkeypatch):
    module = ModuleType("somebodys_app")
    module.create_app = partial(App)  # a class would have test_client itself
    module.app = App("made before")
    monkeypatch.setitem(sys.modules, "somebodys_app", module)


@pytest.mark.parametrize(
    ("text", "made_with"),
    [
        ("somebodys_app:app", (("made before",), {})),
        ("somebodys_app:create_app", ((), {})),
        ("somebodys_app:create_app()", ((), {})),
        ('somebodys_app:create_app("Testing", debug=True)', (("Testing",), {"debug": True})),
        ("somebodys_app:create_app({'DATABASE_URL': 'postgresql://x:y@z/w'})", (({"DATABASE_URL": "postgresql://x:y@z/w"},), {})),
    ],
)  # fmt: skip
def test_an_app_is_named_made_or_called_with_literals(text, made_with):
    assert Recipe(text).load_app().made_with == made_with


@pytest.mark.parametrize("call", ["create_app(", "create_app(name)", "create_app() + 1"])
def test_a_call_that_is_not_of_literals_is_explained(call):
    with pytest.raises(UsageError, match="Arguments are literals"):
        Recipe(f"somebodys_app:{call}").load_app()


@pytest.fixture
def migrated(tmp_path, monkeypatch):
    """An app whose migrations lie beside its modules, as in an installed package."""
    (tmp_path / "migrations" / "versions").mkdir(parents=True)
    monkeypatch.chdir(tmp_path.parent)
    app = App()
    app.root_path = str(tmp_path)
    app.extensions = {"migrate": SimpleNamespace(directory="migrations")}
    app.app_context = contextlib.nullcontext
    return app


def test_migrations_are_run_from_where_they_were_found(migrated, tmp_path, monkeypatch):
    asked = []
    flask_migrate = ModuleType("flask_migrate")
    flask_migrate.upgrade = lambda directory=None: asked.append(directory)
    monkeypatch.setitem(sys.modules, "flask_migrate", flask_migrate)
    Recipe("somebodys_app:app").build(migrated)
    assert asked == [str(tmp_path / "migrations")]


def test_a_step_that_exits_is_told_as_a_step_that_failed(migrated, monkeypatch):
    flask_migrate = ModuleType("flask_migrate")
    flask_migrate.upgrade = lambda directory=None: sys.exit(1)
    monkeypatch.setitem(sys.modules, "flask_migrate", flask_migrate)
    with pytest.raises(TargetError, match="make the schema"):
        Recipe("somebodys_app:app").build(migrated)


def test_tables_that_refer_to_each_other_are_hashed_without_a_warning():
    metadata = sa.MetaData()
    for name, other in (("ship", "captain"), ("captain", "ship")):
        sa.Table(
            name,
            metadata,
            sa.Column("id", sa.Integer, primary_key=True),
            sa.Column("other", sa.ForeignKey(f"{other}.id")),
        )
    app = App()
    app.extensions = {"sqlalchemy": SimpleNamespace(db=SimpleNamespace(metadata=metadata))}
    before = Recipe("somebodys_app:app").digest(app)
    metadata.tables["ship"].append_column(sa.Column("name", sa.Text))
    assert Recipe("somebodys_app:app").digest(app) != before


def test_the_tables_of_an_unknown_extension_are_hashed_by_their_mapped_classes():
    base = sa.orm.declarative_base()

    class Ship(base):
        __tablename__ = "ship_without_extension"
        id = sa.Column(sa.Integer, primary_key=True)

    app = App()
    app.extensions = {}
    before = Recipe("somebodys_app:app").digest(app)
    assert Recipe("somebodys_app:app").digest(app) == before
    Ship.name = sa.Column(sa.Text)
    assert Recipe("somebodys_app:app").digest(app) != before


def test_a_value_more_in_an_enum_needs_another_template():
    digests = set()
    for values in (["new"], ["new", "old"]):
        table = sa.Table("ship", sa.MetaData(), sa.Column("state", sa.Enum(*values, name="state")))
        app = App()
        database = SimpleNamespace(metadata=table.metadata)
        app.extensions = {"sqlalchemy": SimpleNamespace(db=database)}
        digests.add(Recipe("somebodys_app:app").digest(app))
    assert len(digests) == 2


def test_the_names_that_the_hash_is_about_are_those_of_tables_and_indexes(migrated):
    metadata = sa.MetaData()
    sa.Table("Ship", metadata, sa.Column("name", sa.Text, index=True))
    migrated.extensions["sqlalchemy"] = SimpleNamespace(db=SimpleNamespace(metadata=metadata))
    known = Recipe("somebodys_app:app").known_names(migrated)
    assert known == {"ship", "ix_ship_name", "alembic_version"}
