"""Templates: built once, kept across runs as a stopped cluster under the hash of their recipe."""

import json
import shutil
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from weakref import WeakSet

from flask_assay.sandbox.admin import Admin, ServerAddress
from flask_assay.sandbox.attach import SERVER_ARGUMENTS, Attachment
from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.facts import VERSION, from_json, read_facts, to_json
from flask_assay.sandbox.links import address
from flask_assay.sandbox.place import Place
from flask_assay.sandbox.recipe import Recipe
from flask_assay.services.cached_tree import is_whole, publish
from flask_assay.services.postgres import PostgresServer, begin_postgres, provision_postgres
from flask_assay.services.psql import literal
from flask_assay.services.supervisor import Supervisor

__all__ = ["Provision", "provide", "read_provision", "write_provision"]

KEPT = 4
"""Templates kept per user; older ones make room."""
IN_USE_S = 600.0
"""So long after its last use a template stays: another run may be copying it."""


class Provision:
    """A running server and the templates on it.

    Attributes:
        server: Its address.
        templates: The first is where unknown addresses lead.
        app: The app that the recipe made, None if it has none.
        is_cached: The templates were there already.
        digest: Hash of the recipe.
        postgres: The server itself; None in a worker.
    """

    def __init__(self, server: ServerAddress, templates: list[Template], digest: str) -> None:
        self.server, self.templates, self.digest = server, templates, digest
        self.app: Any = None
        self.is_cached = False
        self.postgres: PostgresServer | None = None


class _Builder:
    """Catches connections while the template is made; they are real and lead to it."""

    epoch: object = "build"

    def __init__(self, start: Callable[[], PostgresServer], attachment: Attachment) -> None:
        self._start, self._attachment = start, attachment
        self.databases: dict[str, Any] = {}
        self._postgres: PostgresServer | None = None
        self._made: WeakSet[Any] = WeakSet()

    @property
    def postgres(self) -> PostgresServer:
        if self._postgres is None:
            self._postgres = self._start()
        return self._postgres

    @property
    def is_started(self) -> bool:
        return self._postgres is not None

    def place(self, source: dict[str, Any]) -> Place:
        key = address(source)
        if key not in self.databases:
            name = f"template_{len(self.databases) + 1}"
            self.databases[key] = self.postgres.create_database(name)
        db = self.databases[key]
        return Place(str(db.socket_dir), db.port, db.name, db.user)

    def connect(self, driver: str, source: dict[str, Any], *, is_pooled: bool) -> Any:
        if driver not in {"psycopg2", "psycopg"}:
            return None
        kept = {n: v for n, v in source.items() if n not in SERVER_ARGUMENTS and v is not None}
        kept |= self.place(source).parameters()
        connection = self._attachment.originals[driver](**kept)
        self._made.add(connection)
        return connection

    def is_current(self, connection: Any) -> bool:
        known = type(connection).__module__.startswith("psycopg")
        return not known or connection in self._made

    def checked_out(self, connection: Any) -> None:
        """Nothing to note."""

    def used_session(self, session: Any) -> None:
        """Nothing to note."""

    def rebuilt(self, name: str, metadata: Any, arguments: dict[str, Any]) -> bool:
        """Let the schema be made."""
        return False

    def close(self) -> None:
        """End every connection that the app still has."""
        for connection in list(self._made):
            connection.close()


def provide(supervisor: Supervisor, recipe: Recipe, attachment: Attachment) -> Provision:
    """Return a server with the recipe's templates: out of the cache, or built now.

    Args:
        supervisor: Of the run that the server lives and dies with.
        recipe: What the templates are made of.
        attachment: Aimed at the builder for the time of building.

    Raises:
        TargetError: The app or a step of the recipe failed.
        ServiceError: The server could not be provided.
    """
    builder = _Builder(lambda: provision_postgres(supervisor, purpose="tests"), attachment)
    with attachment.aimed_at(builder):
        app = recipe.load_app()
        digest = recipe.digest(app)
        cached = _cached(supervisor, digest)
        if cached is not None and not builder.is_started:
            provision = _resume(supervisor, cached, digest)
        else:
            recipe.build(app)
            builder.close()
            provision = _finish(supervisor, builder, digest, attachment)
        provision.app = app
        return provision


def _place(supervisor: Supervisor, digest: str) -> Path:
    return supervisor.run.cache / f"template-{digest}-{VERSION}"


def _cached(supervisor: Supervisor, digest: str) -> Path | None:
    place = _place(supervisor, digest)
    if is_whole(place) and place.with_suffix(".json").exists():
        return place
    return None


def _address(supervisor: Supervisor, postgres: PostgresServer) -> ServerAddress:
    return ServerAddress(
        socket_dir=str(postgres.socket_dir),
        port=postgres.port,
        nonce=supervisor.run.nonce,
        system_identifier=postgres.system_identifier,
        run_id=supervisor.run.run_id,
    )


def _resume(supervisor: Supervisor, cached: Path, digest: str) -> Provision:
    """Start from a copy of a kept cluster and mark its templates as this run's."""
    cached.touch()
    postgres = begin_postgres(supervisor, purpose="tests", cluster=cached)
    postgres.wait_ready()
    document = json.loads(cached.with_suffix(".json").read_text())
    server = _address(supervisor, postgres)
    templates = [
        Template(one["key"], server.database(one["name"]), from_json(one["facts"]))
        for one in document["templates"]
    ]
    for template in templates:
        # An UPDATE, because the catalog must stay as the template's fingerprint has it.
        nonce, run_id = literal(server.nonce), literal(server.run_id)
        mark = f"UPDATE flask_assay.marker SET nonce = {nonce}, run_id = {run_id}"  # noqa: S608 - quoted
        postgres.sql(template.db, mark)
    provision = Provision(server, templates, digest)
    provision.is_cached, provision.postgres = True, postgres
    return provision


def _finish(
    supervisor: Supervisor, builder: _Builder, digest: str, attachment: Attachment
) -> Provision:
    """Freeze what was built, learn about it, and keep a copy for the next run."""
    if not builder.databases:
        builder.place({})
    postgres = builder.postgres
    server = _address(supervisor, postgres)
    admin = Admin(server, attachment.own_connect())
    templates = []
    for key, db in builder.databases.items():
        postgres.disconnect(db)
        postgres.sql(db, "VACUUM FREEZE")
        connection = admin.connect(db.name)
        try:
            templates.append(Template(key, db, read_facts(_query(connection))))
        finally:
            connection.close()
    admin.close()
    _keep(supervisor, postgres, templates, digest)
    provision = Provision(server, templates, digest)
    provision.postgres = postgres
    return provision


def _query(connection: Any) -> Callable[[str], list[Any]]:
    def query(text: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    return query


def _keep(
    supervisor: Supervisor, postgres: PostgresServer, templates: list[Template], digest: str
) -> None:
    """Copy the stopped cluster into the cache; of several runs that would, one wins."""
    place = _place(supervisor, digest)
    postgres.sql(None, "CHECKPOINT")
    postgres.stop()
    beside = supervisor.run.data / "kept"
    shutil.copytree(postgres.data, beside, symlinks=True)
    (beside / "postmaster.pid").unlink(missing_ok=True)
    document = {
        "templates": [
            {"key": one.key, "name": one.db.name, "facts": to_json(one.facts)} for one in templates
        ]
    }
    place.with_suffix(".json").write_text(json.dumps(document))
    publish(beside, place)
    place.touch()
    _make_room(place)
    postgres.start()


def _make_room(place: Path) -> None:
    """Remove templates that no recent run used."""
    ages = {path: _age_s(path, place) for path in place.parent.glob("template-*") if path.is_dir()}
    for path in sorted(ages, key=ages.__getitem__)[KEPT:]:
        if ages[path] < IN_USE_S:
            continue
        shutil.rmtree(path, ignore_errors=True)
        path.with_suffix(".json").unlink(missing_ok=True)
        path.with_name(f"{path.name}.count").unlink(missing_ok=True)


def _age_s(path: Path, newest: Path) -> float:
    """Return by how much a template was used before the one that was published just now."""
    try:
        return newest.stat().st_mtime - path.stat().st_mtime
    except FileNotFoundError:  # another run made room a moment ago
        return 0.0


def write_provision(provision: Provision, path: Path) -> None:
    """Write what a worker process needs into a file of the run's private directory."""
    document = {
        "server": asdict(provision.server),
        "digest": provision.digest,
        "templates": [
            {"key": one.key, "name": one.db.name, "facts": to_json(one.facts)}
            for one in provision.templates
        ],
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))


def read_provision(path: Path) -> Provision:
    """Return what `write_provision` wrote, as a worker sees it."""
    document = json.loads(path.read_text())
    server = ServerAddress(**document["server"])
    templates = [
        Template(one["key"], server.database(one["name"]), from_json(one["facts"]))
        for one in document["templates"]
    ]
    provision = Provision(server, templates, document["digest"])
    provision.is_cached = True
    return provision
