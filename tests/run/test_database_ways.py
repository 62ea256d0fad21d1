"""Whatever way an app configures its database, the run's own is what it reaches."""

import os
import socket
import urllib.request
from pathlib import Path

import pytest

from flask_assay.config.resolve import resolve
from flask_assay.errors import TargetError
from flask_assay.gather.run import open_lab

pytestmark = pytest.mark.services

HEAD = """
import os
import flask
import sqlalchemy as sa
app = flask.Flask(__name__)
"""

MODEL = """
from flask_sqlalchemy import SQLAlchemy
db = SQLAlchemy(app)
class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
    text = db.Column(db.String(20), nullable=False)
@app.get("/")
def where():
    row = db.session.execute(sa.text("SELECT current_database(), count(*) FROM note")).one()
    return list(row)
"""

PLAIN = """
metadata = sa.MetaData()
note = sa.Table("note", metadata, sa.Column("id", sa.Integer, primary_key=True),
                sa.Column("text", sa.String(20), nullable=False))
@app.get("/")
def where():
    with engine.connect() as connection:
        row = connection.execute(sa.text("SELECT current_database(), count(*) FROM note")).one()
    return list(row)
"""

ELSEWHERE = PLAIN.replace("FROM note", "FROM stock.note").replace(
    "nullable=False))", 'nullable=False), schema="stock")'
)

DECOY = "postgresql://someone:secret@127.0.0.1:{port}/production"

WAYS = {
    "config key": HEAD + "app.config['SQLALCHEMY_DATABASE_URI'] = {decoy!r}" + MODEL,
    "config key on sqlite": HEAD + "app.config['SQLALCHEMY_DATABASE_URI'] = 'sqlite://'" + MODEL,
    "environment variable": HEAD
    + "app.config['SQLALCHEMY_DATABASE_URI'] = os.environ['DATABASE_URL']"
    + MODEL,
    "engine at import": HEAD + "engine = sa.create_engine({decoy!r}, pool_size=2)" + PLAIN,
    "engine from config": HEAD
    + "engine = sa.engine_from_config({{'sqlalchemy.url': {decoy!r}}})"
    + ELSEWHERE,
    "engine with creator": HEAD
    + "import psycopg2\n"
    + "engine = sa.create_engine('postgresql://', creator=lambda: psycopg2.connect({decoy!r}))"
    + PLAIN,
    "raw driver": HEAD
    + "import psycopg2\nengine = sa.create_engine({decoy!r})"
    + PLAIN
    + """
@app.get("/raw")
def raw():
    connection = psycopg2.connect(host="127.0.0.1", port={port}, dbname="production")
    with connection, connection.cursor() as cursor:
        cursor.execute("SELECT current_database(), count(*) FROM note")
        return list(cursor.fetchone())
""",
}

BINDS = (
    HEAD
    + """
app.config["SQLALCHEMY_DATABASE_URI"] = "postgresql://u@127.0.0.1:{port}/main"
app.config["SQLALCHEMY_BINDS"] = {{
    "audit": "postgresql://u@127.0.0.1:{port}/audit",
    "reader": "postgresql://reader@replica.example.invalid/main",
}}
from flask_sqlalchemy import SQLAlchemy
db = SQLAlchemy(app)
class Note(db.Model):
    id = db.Column(db.Integer, primary_key=True)
class Event(db.Model):
    __bind_key__ = "audit"
    id = db.Column(db.Integer, primary_key=True)
@app.get("/")
def where():
    found = {{}}
    for bind in (None, "audit", "reader"):
        with db.engines[bind].connect() as connection:
            found[str(bind)] = connection.execute(sa.text("SELECT current_database()")).scalar()
    found["events"] = Event.query.count()
    db.session.add(Event()); db.session.commit()
    return found
"""
)


class Quiet:
    """Progress that nobody watches."""

    is_interrupted = False

    def step(self, text):
        pass

    note = load = ends_with = step


@pytest.fixture
def decoy():
    """A listener in the place of the user's real server; it must never be called."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.setblocking(False)
        yield server
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture
def answers(tmp_path, monkeypatch, decoy):
    """Return the answers of an app that was prepared and booted like in a run."""

    def answers(source: str, *paths: str, **options: str):
        import json

        port = decoy.getsockname()[1]
        text = source.format(decoy=DECOY.format(port=port), port=port)
        (tmp_path / "specimen.py").write_text(text)
        monkeypatch.chdir(tmp_path)
        settings = resolve(options, {}, Path.cwd())
        with open_lab("specimen", settings, Quiet()) as lab:
            lab.create_databases()
            lab.prepare()
            target = lab.boot(lab.plan(lab.route(), lab.recording))
            try:
                urls = [target.address.url + path for path in paths]
                return [json.loads(urllib.request.urlopen(url, timeout=20).read()) for url in urls]
            finally:
                target.stop()

    return answers


@pytest.mark.parametrize("way", WAYS)
def test_the_app_reaches_the_runs_database(way, answers):
    paths = ["/", "/raw"] if way == "raw driver" else ["/"]
    for database, count in answers(WAYS[way], *paths):
        assert database == "app"
        assert count > 0


def test_two_binds_on_one_url_share_a_database_and_another_url_has_its_own(answers):
    (found,) = answers(BINDS, "/")
    assert found.pop("events") > 100, "a further database is filled as well"
    assert found["None"] == found["reader"] != found["audit"]
    assert all(name == "app" or name.startswith("app_") for name in found.values())


def test_the_users_environment_is_not_changed(answers):
    before = dict(os.environ)
    answers(WAYS["config key"], "/")
    assert dict(os.environ) == before


ENV = """
from alembic import context
from specimen import engine, metadata
with engine.connect() as connection:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()
"""

BROKEN = """
import sqlalchemy as sa
from alembic import op
revision, down_revision = "1", None
def upgrade():
    with op.get_context().autocommit_block():  # what stands before the failure stays
        op.create_table("note", sa.Column("other", sa.Integer))
    op.drop_table("table_of_long_ago")
"""


@pytest.fixture
def broken_migrations(tmp_path):
    """Migrations that begin with the schema of a database that already was in use."""
    versions = tmp_path / "migrations" / "versions"
    versions.mkdir(parents=True)
    (tmp_path / "alembic.ini").write_text("[alembic]\nscript_location = migrations\n")
    (tmp_path / "migrations" / "env.py").write_text(ENV)
    (versions / "1_first.py").write_text(BROKEN)


def test_models_make_the_schema_where_migrations_fail_on_an_empty_database(
    answers, broken_migrations, monkeypatch
):
    told = []
    monkeypatch.setattr("flask_assay.gather.lab.append_line", lambda *each: told.append(each[2]))
    (found,) = answers(WAYS["engine at import"], "/")
    assert found[0] == "app"
    assert found[1] > 0
    (event,) = told
    assert "table_of_long_ago" in event["text"]
    assert "--schema alembic" in event["text"]


def test_migrations_that_were_asked_for_and_fail_end_the_run(answers, broken_migrations):
    with pytest.raises(TargetError, match="table_of_long_ago"):
        answers(WAYS["engine at import"], "/", schema="alembic")
