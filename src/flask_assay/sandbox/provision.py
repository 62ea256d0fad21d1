"""A server with its templates, as whoever has provided it knows it, and whoever was told of it."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from flask_assay.sandbox.admin import ServerAddress
from flask_assay.sandbox.checkout import Template
from flask_assay.sandbox.facts import from_json, to_json

if TYPE_CHECKING:
    from flask_assay.services.postgres import PostgresServer

__all__ = ["Provision", "described", "read_provision", "templates_in", "write_provision"]


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


def templates_in(document: dict[str, Any], server: ServerAddress) -> list[Template]:
    """Return the templates that a document tells of, on a server."""
    return [
        Template(one["key"], server.database(one["name"]), from_json(one["facts"]))
        for one in document["templates"]
    ]


def described(templates: list[Template]) -> list[dict[str, Any]]:
    """Return what a document says of templates."""
    return [{"key": one.key, "name": one.db.name, "facts": to_json(one.facts)} for one in templates]


def write_provision(provision: Provision, path: Path) -> None:
    """Write what a worker process needs into a file of the run's private directory."""
    document = {
        "server": asdict(provision.server),
        "digest": provision.digest,
        "templates": described(provision.templates),
    }
    path.touch(mode=0o600)
    path.write_text(json.dumps(document))


def read_provision(path: Path) -> Provision:
    """Return what `write_provision` wrote, as a worker sees it."""
    document = json.loads(path.read_text())
    server = ServerAddress(**document["server"])
    templates = templates_in(document, server)
    provision = Provision(server, templates, document["digest"])
    provision.is_cached = True
    return provision
