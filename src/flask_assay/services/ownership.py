"""The proof "we made this", on the connection itself and not on what a URL says.

A database is this run's if, on one live connection, all of these hold:

- its marker holds this run's nonce: a dump restored elsewhere carries an old one;
- the cluster's system identifier is our server's;
- the connection goes through a unix socket inside our run's directory: a tunnel does not.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from flask_assay.errors import NotOursError
from flask_assay.model.owned import OwnedDatabase
from flask_assay.services.psql import literal

__all__ = [
    "FACTS_SQL",
    "MARKER_SCHEMA",
    "Facts",
    "Query",
    "Server",
    "marker_sql",
    "prove",
    "read_facts",
    "refused",
]

MARKER_SCHEMA = "flask_assay"

MARKER_EXISTS_SQL = "SELECT pg_catalog.to_regclass('flask_assay.marker') IS NOT NULL"
MARKER_SQL = "SELECT nonce FROM flask_assay.marker"
FACTS_SQL = (
    "SELECT pg_catalog.current_database(), "
    "(SELECT system_identifier FROM pg_catalog.pg_control_system()), "
    "pg_catalog.inet_server_addr() IS NULL, session_user"
)

Query = Callable[[str], Sequence[Sequence[object]]]


@dataclass(frozen=True, slots=True)
class Server:
    """What this run knows of its own server.

    Attributes:
        socket_dir: Where its socket is.
        port: Part of the socket's name.
        system_identifier: Of its cluster.
        nonce: Of this run.
    """

    socket_dir: Path
    port: int
    system_identifier: str
    nonce: str


@dataclass(frozen=True, slots=True)
class Facts:
    """What a live connection says of itself."""

    database: str
    system_identifier: str
    is_local: bool
    user: str
    nonces: frozenset[str]


def marker_sql(nonce: str, run_id: str) -> str:
    """Return the statements that mark a database as this run's."""
    return (
        f"CREATE SCHEMA IF NOT EXISTS {MARKER_SCHEMA};\n"
        f"CREATE TABLE IF NOT EXISTS {MARKER_SCHEMA}.marker "
        "(nonce text NOT NULL, run_id text NOT NULL, "
        "created_at timestamptz NOT NULL DEFAULT now());\n"
        f"GRANT USAGE ON SCHEMA {MARKER_SCHEMA} TO PUBLIC;\n"
        f"GRANT SELECT ON {MARKER_SCHEMA}.marker TO PUBLIC;\n"
        f"INSERT INTO {MARKER_SCHEMA}.marker (nonce, run_id) "
        f"VALUES ({literal(nonce)}, {literal(run_id)});\n"
    )


def read_facts(query: Query) -> Facts:
    """Ask a live connection who it talks to.

    Args:
        query: Runs one statement on that connection and returns its rows. Every name in our
            statements is qualified, so a search path cannot answer in the server's place.
    """
    ((database, identifier, is_local, user),) = query(FACTS_SQL)
    ((has_marker,),) = query(MARKER_EXISTS_SQL)
    nonces = query(MARKER_SQL) if _is_true(has_marker) else ()
    return Facts(
        database=str(database),
        system_identifier=str(identifier),
        is_local=_is_true(is_local),
        user=str(user),
        nonces=frozenset(str(row[0]) for row in nonces),
    )


def _is_true(value: object) -> bool:
    return value in {True, "t", "true"}


def prove(query: Query, server: Server, *, host: str) -> OwnedDatabase:
    """Return the proof that a connection's database belongs to this run.

    Args:
        query: Runs one statement on the connection and returns its rows.
        server: Our server.
        host: Where the driver says that it connected: for a unix socket, its directory.

    Raises:
        NotOursError: With database, host and every reason; never with a password.
    """
    facts = read_facts(query)
    reasons = []
    if server.nonce not in facts.nonces:
        held = "another run's marker" if facts.nonces else "no marker of flask-assay"
        reasons.append(f"it holds {held}")
    if facts.system_identifier != server.system_identifier:
        reasons.append("its cluster is not our server's")
    if not facts.is_local or not host.startswith("/"):
        reasons.append("it was reached over the network, not by a socket of this run")
    elif Path(host).resolve() != server.socket_dir.resolve():
        reasons.append("its socket is not in this run's directory")
    if reasons:
        raise refused(facts.database, host, reasons)
    return OwnedDatabase(
        name=facts.database,
        socket_dir=server.socket_dir,
        host="",
        port=server.port,
        system_identifier=facts.system_identifier,
        nonce=server.nonce,
        user=facts.user,
    )


def refused(database: str, host: str, reasons: Sequence[str]) -> NotOursError:
    """Return the error that says why a database stays untouched."""
    return NotOursError(
        f'database "{database}" at {host or "the default host"} is not ours: ' + "; ".join(reasons),
        why="flask-assay writes, truncates and drops only in databases that it made itself.",
        todo="Let the app take its database from this run, or see the rules for external servers.",
    )
