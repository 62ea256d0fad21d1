"""Templates: built once, or resumed from what an earlier run kept."""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any
from weakref import WeakSet

from flask_assay.sandbox.admin import Admin, ServerAddress
from flask_assay.sandbox.attach import SERVER_ARGUMENTS, Attachment
from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.early import EarlyServer
from flask_assay.sandbox.facts import from_json, read_facts, to_json
from flask_assay.sandbox.kept_templates import KeptCluster, KeptTemplates
from flask_assay.sandbox.links import address
from flask_assay.sandbox.place import Place
from flask_assay.sandbox.ready import marked_sql, ready_name
from flask_assay.sandbox.recipe import Recipe
from flask_assay.services.databases import MAINTENANCE, OUR_ROLE
from flask_assay.services.layout import copy_tree
from flask_assay.services.ownership import Query
from flask_assay.services.postgres import PostgresServer, begin_postgres, provision_postgres
from flask_assay.services.psql import SqlError, literal
from flask_assay.services.supervisor import Supervisor

__all__ = ["Provision", "provide", "read_provision", "write_provision"]

READY_BYTES = 100_000_000
"""A template larger than this is kept without a copy of it: copying a session's data costs more."""


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


def provide(
    supervisor: Supervisor,
    recipe: Recipe,
    attachment: Attachment,
    *,
    early: EarlyServer | None = None,
) -> Provision:
    """Return a server with the recipe's templates: out of the cache, or built now.

    Args:
        supervisor: Of the run that the server lives and dies with.
        recipe: What the templates are made of.
        attachment: Aimed at the builder for the time of building.
        early: A server that was launched for the template that will probably be needed.

    Raises:
        TargetError: The app or a step of the recipe failed.
        ServiceError: The server could not be provided.
    """
    builder = _Builder(lambda: provision_postgres(supervisor, purpose="tests"), attachment)
    kept = KeptTemplates(supervisor.run.cache)
    with attachment.aimed_at(builder):
        app = recipe.load_app()
        digest = recipe.digest(app)
        launched = early.taken_for("" if builder.is_started else digest) if early else None
        found = None if builder.is_started else kept.find(digest)
        if found is not None:
            provision = _resume(supervisor, found, digest, attachment, launched)
        else:
            recipe.build(app)
            builder.close()
            provision = _finish(supervisor, builder, digest, attachment)
        provision.app = app
        return provision


def _address(supervisor: Supervisor, postgres: PostgresServer) -> ServerAddress:
    return ServerAddress(
        socket_dir=str(postgres.socket_dir),
        port=postgres.port,
        nonce=supervisor.run.nonce,
        system_identifier=postgres.system_identifier,
        run_id=supervisor.run.run_id,
    )


def _resume(
    supervisor: Supervisor,
    found: KeptCluster,
    digest: str,
    attachment: Attachment,
    launched: PostgresServer | None,
) -> Provision:
    """Start from a copy of a kept cluster and mark its templates as this run's."""
    connect = attachment.own_connect()
    postgres = launched or begin_postgres(
        supervisor, purpose="tests", cluster=found.cluster, size_bytes=found.size_bytes
    )
    postgres.wait_ready(_asking(connect, postgres))
    server = _address(supervisor, postgres)
    templates = _templates(server, found.document)
    admin = Admin(server, connect)
    for template in templates:
        admin.query(template.db, marked_sql(server.nonce, server.run_id))
    provision = Provision(server, templates, digest)
    provision.is_cached, provision.postgres = True, postgres
    return provision


def _asking(connect: Callable[..., Any], postgres: PostgresServer) -> Query:
    """Return what asks a server by the driver, which is here already and starts no process."""

    def query(text: str) -> list[Any]:
        try:
            connection = connect(
                host=str(postgres.socket_dir),
                port=str(postgres.port),
                dbname=MAINTENANCE,
                user=OUR_ROLE,
            )
        except Exception as error:
            raise SqlError(str(error)) from error
        try:
            return _query(connection)(text)
        finally:
            connection.close()

    return query


def _templates(server: ServerAddress, document: dict[str, Any]) -> list[Template]:
    return [
        Template(one["key"], server.database(one["name"]), from_json(one["facts"]))
        for one in document["templates"]
    ]


def _described(templates: list[Template]) -> list[dict[str, Any]]:
    return [{"key": one.key, "name": one.db.name, "facts": to_json(one.facts)} for one in templates]


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
    """Keep a copy of the stopped cluster, with as few files as will do."""
    for template in templates:
        ((size,),) = postgres.sql(None, f"SELECT pg_database_size({literal(template.db.name)})")
        if int(size) <= READY_BYTES:
            postgres.create_database(ready_name(template.db), template=template.db)
    postgres.slim()
    beside = supervisor.run.data / "kept"
    copy_tree(postgres.data, beside)
    document = {"templates": _described(templates)}
    KeptTemplates(supervisor.run.cache).keep(beside, document, digest)
    postgres.start()


def write_provision(provision: Provision, path: Path) -> None:
    """Write what a worker process needs into a file of the run's private directory."""
    document = {
        "server": asdict(provision.server),
        "digest": provision.digest,
        "templates": _described(provision.templates),
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))


def read_provision(path: Path) -> Provision:
    """Return what `write_provision` wrote, as a worker sees it."""
    document = json.loads(path.read_text())
    server = ServerAddress(**document["server"])
    templates = _templates(server, document)
    provision = Provision(server, templates, document["digest"])
    provision.is_cached = True
    return provision
