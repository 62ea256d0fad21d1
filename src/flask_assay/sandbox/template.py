"""Templates: built once, or resumed from what an earlier run kept."""

from collections.abc import Callable
from typing import Any

from flask_assay.model.owned import OwnedDatabase
from flask_assay.sandbox.admin import Admin, ServerAddress
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.facts import read_facts
from flask_assay.sandbox.kept_templates import KeptCluster, KeptTemplates
from flask_assay.sandbox.provision import Provision, described, templates_in
from flask_assay.sandbox.ready import marked_sql, ready_name
from flask_assay.sandbox.start_use import StartUse
from flask_assay.services.databases import MAINTENANCE, OUR_ROLE
from flask_assay.services.layout import copy_tree
from flask_assay.services.ownership import Query
from flask_assay.services.postgres import PostgresServer, begin_postgres
from flask_assay.services.psql import SqlError, literal
from flask_assay.services.supervisor import Supervisor

__all__ = ["address_of", "finish", "query_on", "resume"]

READY_BYTES = 100_000_000
"""A template larger than this is kept without a copy of it: copying a session's data costs more."""


def address_of(supervisor: Supervisor, postgres: PostgresServer) -> ServerAddress:
    """Return what a worker must know of a server of the run."""
    return ServerAddress(
        socket_dir=str(postgres.socket_dir),
        port=postgres.port,
        nonce=supervisor.run.nonce,
        system_identifier=postgres.system_identifier,
        run_id=supervisor.run.run_id,
    )


def resume(
    supervisor: Supervisor,
    found: KeptCluster,
    digest: str,
    attachment: Attachment,
    launched: PostgresServer | None,
) -> Provision:
    """Start from a copy of a kept cluster and mark its templates as this run's.

    Args:
        supervisor: Of the run.
        found: The cluster.
        digest: Hash of all that it depends on.
        attachment: Knows the driver.
        launched: The server, if it is on its way already.
    """
    connect = attachment.own_connect()
    postgres = launched or begin_postgres(
        supervisor, purpose="tests", cluster=found.cluster, size_bytes=found.size_bytes
    )
    postgres.wait_ready(_asking(connect, postgres))
    server = address_of(supervisor, postgres)
    templates = templates_in(found.document, server)
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
            return query_on(connection)(text)
        finally:
            connection.close()

    return query


def finish(
    supervisor: Supervisor,
    postgres: PostgresServer,
    databases: dict[str, OwnedDatabase],
    attachment: Attachment,
    kept_as: tuple[str, StartUse | None],
) -> Provision:
    """Freeze what was built, learn about it, and keep a copy for the next run.

    Args:
        supervisor: Of the run.
        postgres: The server.
        databases: What was built, by the address that the app asked for.
        attachment: Knows the driver.
        kept_as: Hash of all that it depends on, and how the app used it while it was made.
    """
    digest, _ = kept_as
    server = address_of(supervisor, postgres)
    admin = Admin(server, attachment.own_connect())
    templates = []
    for key, db in databases.items():
        postgres.disconnect(db)
        postgres.sql(db, "VACUUM FREEZE")
        connection = admin.connect(db.name)
        try:
            templates.append(Template(key, db, read_facts(query_on(connection))))
        finally:
            connection.close()
    admin.close()
    _keep(supervisor, postgres, templates, kept_as)
    provision = Provision(server, templates, digest)
    provision.postgres = postgres
    return provision


def query_on(connection: Any) -> Callable[[str], list[Any]]:
    """Return what runs one statement on a connection and returns its rows."""

    def query(text: str) -> list[Any]:
        with connection.cursor() as cursor:
            cursor.execute(text)
            return list(cursor.fetchall())

    return query


def _keep(
    supervisor: Supervisor,
    postgres: PostgresServer,
    templates: list[Template],
    kept_as: tuple[str, StartUse | None],
) -> None:
    """Keep a copy of the stopped cluster, with as few files as will do."""
    for template in templates:
        ((size,),) = postgres.sql(None, f"SELECT pg_database_size({literal(template.db.name)})")
        if int(size) <= READY_BYTES:
            postgres.disconnect(template.db)  # a connection that was closed may not have ended yet
            postgres.create_database(ready_name(template.db), template=template.db)
    postgres.slim()
    beside = supervisor.run.data / "kept"
    copy_tree(postgres.data, beside)
    digest, use = kept_as
    start_use = use.to_json() if use is not None else None
    document = {"templates": described(templates), "start_use": start_use}
    KeptTemplates(supervisor.run.cache).keep(beside, document, digest)
    postgres.start()
