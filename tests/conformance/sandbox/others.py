"""The same cases in other sandboxes, for the comparison in the docs.

    python -m tests.conformance.sandbox.others lite|recipe|none [driver]

"lite" needs flask-sqlalchemy-lite and asgiref, which nothing else here does.
Each case runs on a fresh copy of the template; what is there afterwards leaked.
"""

import contextlib
import importlib
import json
import os
import sys
import tempfile
import warnings
from collections import Counter
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.orm import Session
from tests.conformance.sandbox.cases import CASES, World
from tests.conformance.sandbox.harness import (
    as_data,
    make_template,
    original_connect,
    server_from_environment,
)

from flask_assay.sandbox.admin import Admin

ORACLE = json.loads((Path(__file__).parent / "oracle.json").read_text())


@contextlib.contextmanager
def lite(world):
    """flask-sqlalchemy-lite's ``test_isolation()``."""
    from flask import Flask
    from flask_sqlalchemy_lite import SQLAlchemy

    app = Flask(__name__)
    app.config["SQLALCHEMY_ENGINES"] = {"default": world.url}
    database = SQLAlchemy(app)
    with app.app_context():
        world.engine = database.engine
        with database.test_isolation():
            yield


@contextlib.contextmanager
def recipe(world):
    """A connection with an outer transaction, and sessions bound to it."""
    with world.engine.connect() as connection:
        outer = connection.begin()
        world.session = lambda: Session(
            connection, future=True, join_transaction_mode="create_savepoint"
        )
        try:
            yield
        finally:
            outer.rollback()


WAYS = {"lite": lite, "recipe": recipe, "none": lambda _world: contextlib.nullcontext()}


def verdict(way, name, server, template, driver, admin):
    db = admin.clone(template.db, f"other_{os.getpid()}_{name}"[:60])
    place = server.place(db)
    query = {"host": place.host, "port": str(place.port), "options": "-c lock_timeout=2s"}
    url = sa.engine.URL.create(f"postgresql+{driver}", place.user, database=db.name, query=query)
    parameters = place.parameters()
    module = __import__(driver)
    try:
        world = World(url, module, lambda: module.connect(**parameters))
        with WAYS[way](world):
            outcome = as_data(CASES[name](world))
    except BaseException as error:
        outcome = type(error).__name__
    with contextlib.suppress(Exception):
        world.dispose()
    admin.run(
        f"SELECT pg_terminate_backend(pid, 1000) FROM pg_stat_activity WHERE datname = '{db.name}'"
    )
    try:
        leaked = admin.query(db, template.facts.fingerprint)[0][0] != template.facts.pristine
    except Exception:  # a table is gone
        leaked = True
    admin.drop(db)
    is_right = outcome == ORACLE[driver][name]
    return ("right" if is_right else "wrong") + (" and leaked" if leaked else "")


def main() -> None:
    warnings.simplefilter("ignore")
    way = sys.argv[1]
    for needed in ("flask_sqlalchemy_lite", "asgiref") if way == "lite" else ():
        importlib.import_module(needed)
    driver = sys.argv[2] if len(sys.argv) > 2 else "psycopg2"
    with contextlib.ExitStack() as stack:
        compare(way, driver, server_from_environment() or stack.enter_context(own_server()))


@contextlib.contextmanager
def own_server():
    from tests.conformance.sandbox.conftest import started_server

    with tempfile.TemporaryDirectory(prefix="assay-o-") as base:
        Path(base).chmod(0o711)
        with started_server(Path(base)) as server:
            yield server


def compare(way, driver, server):
    template = make_template(server, driver)
    admin = Admin(server, original_connect(driver))
    found = {name: verdict(way, name, server, template, driver, admin) for name in CASES}
    for name, text in found.items():
        print(f"{text:<18}{name}")
    print(way, driver, sa.__version__, dict(Counter(found.values())))


if __name__ == "__main__":
    main()
