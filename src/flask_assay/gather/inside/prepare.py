"""The prepare process: load the app on our empty database, make its schema, fill it.

Run as ``python -m flask_assay.gather.inside.prepare``. Exit code 0, or 1 with the JSON
``{"step", "kind", "message", "traceback", "databases", "can_create_all"}`` in the file ``FAILURE``
of the private directory.
"""

import functools
import importlib.util
import inspect
import json
import random
import traceback
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from flask_assay.gather.inside.describe import describe_app
from flask_assay.gather.inside.leaving import leave
from flask_assay.gather.inside.loaded import first_rows, rows_loaded
from flask_assay.gather.inside.loading import attach_routing, load_app, resolve_hook
from flask_assay.gather.inside.metadata import find_engines, find_metadata
from flask_assay.gather.inside.target_plan import TargetPlan
from flask_assay.recording.directory import append_line, write_document
from flask_assay.routing.engines import EngineRouter, installed_driver
from flask_assay.routing.extension import flask_sqlalchemy_of
from flask_assay.routing.plan import RoutePlan
from flask_assay.routing.schemas import schemas_are_made

__all__ = ["FAILURE", "main"]

FAILURE = "prepare-failure.json"


def main() -> None:
    """Prepare the database of this process's plan."""
    plan = TargetPlan.read()
    step = "load the app"
    router = _router(plan)
    app: Any = None
    try:
        attach_routing(plan, router)
        app = load_app(plan)
        for step, action in (
            ("describe the app", _describe),
            ("make the schema", _make_schema),
            ("fill the database", functools.partial(_fill, databases=router.databases)),
            ("sign in", _sign_in),
        ):
            _say(plan, step)
            action(app, plan)
        databases = {"databases": router.databases}
        write_document(Path(plan.recording), "databases", databases)
    except BaseException as error:  # noqa: BLE001 - sys.exit in the app is one of the cases
        _fail(plan, step, error, {"databases": router.databases} | _way_out(app, plan, step))
        leave(1)
    leave(0)


def _router(plan: TargetPlan) -> EngineRouter:
    """Return what leads the app's engines to our databases, and makes those that lack.

    Where a schema is only changed, none lacks: an unknown URL is that of a file which lies
    elsewhere in a worktree.
    """
    return EngineRouter(plan.route, None if plan.schema in _CHANGES else _create_database)


def _say(plan: TargetPlan, step: str) -> None:
    append_line(Path(plan.recording), "events.jsonl", {"event": "step", "step": step})


def _fail(plan: TargetPlan, step: str, error: BaseException, further: Mapping[str, Any]) -> None:
    told = {
        "step": step,
        "kind": type(error).__name__,
        "message": str(error)[:4000],
        "traceback": traceback.format_exc()[-40000:],
        **further,
    }
    (Path(plan.private) / FAILURE).write_text(json.dumps(told), encoding="utf-8")


def _way_out(app: Any, plan: TargetPlan, step: str) -> dict[str, bool]:
    """Tell whether it was migrations that failed, of an app whose models say the schema too."""
    if step != "make the schema" or plan.schema != "auto" or _migrations(app) is None:
        return {"can_create_all": False}
    return {"can_create_all": bool(find_metadata())}


def _create_database(key: str, route: RoutePlan) -> str:
    """Create the database of a further bind, through the app's own driver."""
    import sqlalchemy

    name = f"{route.database.removesuffix(route.suffix)}_{key}{route.suffix}"
    engine = _own_engine(route, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text(f'CREATE DATABASE "{name}"'))
    engine.dispose()
    return name


def _describe(app: Any, plan: TargetPlan) -> None:
    write_document(Path(plan.recording), "app", describe_app(app, plan.directory))


def _make_schema(app: Any, plan: TargetPlan) -> None:
    if plan.schema == "none":
        return
    if ":" in plan.schema:
        with app.app_context():
            _call(resolve_hook(plan.schema), app, plan)
        return
    if plan.schema in _CHANGES:
        with app.app_context():
            _CHANGES[plan.schema](app)
        return
    upgrade = _migrations(app)
    if plan.schema == "alembic" and upgrade is None:
        raise RuntimeError("schema = alembic, and the app has no Alembic migrations")
    with app.app_context():
        if upgrade is not None and plan.schema in {"auto", "alembic"}:
            upgrade()
        else:
            _create_all(app, plan)


def _migrations(app: Any, step: str = "upgrade") -> Callable[[], None] | None:
    return _flask_migrate(app, step) or _alembic(step)


def _stamp(app: Any) -> None:
    """Say of a schema that the models made that it is what all migrations make."""
    stamp = _migrations(app, "stamp")
    if stamp is not None:
        stamp()


def _upgrade_or_index(app: Any) -> None:
    """Run the migrations, or make what they would where they are run in a way unknown to us."""
    (_migrations(app) or functools.partial(_create_indexes, app))()


def _create_indexes(app: Any) -> None:
    """Create the indexes that the models state wherever the table is and they are not."""
    import sqlalchemy

    for engine in _engines(app):
        there = sqlalchemy.inspect(engine)
        for metadata in find_metadata():
            for table in metadata.tables.values():
                if table.indexes and there.has_table(table.name, schema=table.schema):
                    for index in table.indexes:
                        index.create(engine, checkfirst=True)


def _engines(app: Any) -> list[Any]:
    """Return Flask-SQLAlchemy's engines, one for each bind, or the first that was made."""
    db = flask_sqlalchemy_of(app)
    if db is None:
        return list(find_engines())[:1]
    # before version 3 there is no such list
    return list(db.engines.values()) if hasattr(db, "engines") else [db.engine]


# What is done with a schema that is there.
_CHANGES: Mapping[str, Callable[[Any], None]] = {
    "indexes": _create_indexes,
    "stamp": _stamp,
    "patch": _upgrade_or_index,
}


def _flask_migrate(app: Any, step: str) -> Callable[[], None] | None:
    """Return how to upgrade with Flask-Migrate, None if the app has no migrations of it."""
    extension = app.extensions.get("migrate")
    if extension is None:
        return None
    named = getattr(extension, "directory", None) or "migrations"
    for base in (Path.cwd(), Path(app.root_path), Path(app.root_path).parent):
        if _has_versions(base / named):
            import flask_migrate

            return functools.partial(getattr(flask_migrate, step), directory=str(base / named))
    return None


def _alembic(step: str) -> Callable[[], None] | None:
    """Return how to upgrade with plain Alembic, None if the project has no migrations of it."""
    path = Path("alembic.ini")
    if not path.is_file() or importlib.util.find_spec("alembic") is None:
        return None
    from alembic import command
    from alembic.config import Config

    config = Config(str(path))
    location = config.get_main_option("script_location")
    if not location or not _has_versions(Path(location)):
        return None
    return functools.partial(getattr(command, step), config, "head")


def _has_versions(directory: Path) -> bool:
    return any((directory / "versions").glob("*.py"))


def _create_all(app: Any, plan: TargetPlan) -> None:
    db = flask_sqlalchemy_of(app)
    with schemas_are_made():
        if db is not None and hasattr(db, "create_all"):
            db.create_all()
            return
        stated = find_metadata()
        if not stated:
            return  # an app without a database needs no driver
        engine = next(iter(find_engines()), None) or _own_engine(plan.route)
        for metadata in stated:
            metadata.create_all(engine)


def _own_engine(route: RoutePlan, **arguments: Any) -> Any:
    """Return an engine on the route's first database, through a driver that is installed."""
    import sqlalchemy

    url = EngineRouter(route).routed(sqlalchemy.engine.make_url("postgresql:///x"), {})[0]
    return sqlalchemy.create_engine(url, **arguments)


def _fill(app: Any, plan: TargetPlan, databases: Mapping[str, str]) -> None:
    if plan.seed:
        with app.app_context():
            _call(resolve_hook(plan.seed), app, plan)
        return
    if importlib.util.find_spec(installed_driver()) is None:
        return  # nobody can have made a table
    # each of the app's: which engine was made first says nothing about where the rows belong
    names = dict.fromkeys((plan.route.database, *databases.values()))
    tables = [entry for name in names for entry in _filled(plan, name)]
    write_document(Path(plan.recording), "seeded", {"tables": tables})


def _filled(plan: TargetPlan, database: str) -> list[list[Any]]:
    """Fill a database of the app; return what became of each of its tables."""
    from flask_assay.gather import autoseed

    engine = _own_engine(replace(plan.route, database=database, further={}))
    with engine.begin() as connection:
        seeded = autoseed.fill(
            connection,
            scale=plan.scale,
            rng=random.Random(plan.random_seed),
            metadata=find_metadata(),
        )
    engine.dispose()
    return [[each.table, each.row_count, each.skipped_reason] for each in seeded]


def _sign_in(app: Any, plan: TargetPlan) -> None:
    """Write the headers of signed-in users where the load finds them."""
    if not plan.login:
        return
    hook = resolve_hook(plan.login)
    headers, loaded = [], []
    for number in range(plan.identity_count):
        # each in a context of its own: a row that a session still holds is not loaded again
        with app.app_context(), rows_loaded() as rows:
            headers.append(_call(hook, app, plan, number=number))
        loaded.append(first_rows(rows))
    for each in headers:
        if not isinstance(each, Mapping):
            raise TypeError(f"login = {plan.login!r} returned {type(each).__name__}, no mapping")
    for name, document in (
        ("identities", [dict(each) for each in headers]),
        ("identity-rows", loaded),
    ):
        path = Path(plan.private) / f"{name}.json"
        path.write_text(json.dumps(document), encoding="utf-8")


def _call(hook: Any, app: Any, plan: TargetPlan, **further: Any) -> Any:
    """Call a hook with those of app, scale, rng and further values that it names."""
    offered = {"app": app, "scale": plan.scale, "rng": random.Random(plan.random_seed)} | further
    taken = inspect.signature(hook).parameters
    return hook(**{name: value for name, value in offered.items() if name in taken})


if __name__ == "__main__":
    main()
