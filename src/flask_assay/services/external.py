"""Servers that the user gave us, under rules that no flag turns off.

A database of somebody else's server is used only if all three hold:

1. its name ends in ``_assay`` or ``_test``;
2. it holds our marker, which only its owner can have put there (``adoption_sql``);
3. the user lists it by name.

What a run needs it creates beside that database, under names that carry the run id and end in
``_assay``; only those are ever dropped.
"""

import re
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit

from flask_assay.errors import ServiceError, UsageError
from flask_assay.model.owned import OwnedDatabase
from flask_assay.services.binaries import find_postgres
from flask_assay.services.databases import Coordinates, PostgresDatabases
from flask_assay.services.ownership import Facts, Query, marker_sql, read_facts, refused
from flask_assay.services.psql import Psql, SqlError, quoted
from flask_assay.services.resp import Address, Reply, RespError, ask
from flask_assay.services.run_dir import RunDirectory

__all__ = [
    "ADOPTED",
    "MARKER_KEY",
    "ExternalPostgres",
    "ExternalValkey",
    "adoption_sql",
    "parse_postgres_url",
    "parse_redis_url",
    "provision_external_postgres",
    "provision_external_valkey",
    "refusals",
]

POSTGRES_VARIABLE = "ASSAY_POSTGRES_URL"
REDIS_VARIABLE = "ASSAY_REDIS_URL"
ALLOWED_SUFFIXES = ("_assay", "_test")
ADOPTED = "adopted-by-its-owner"
MARKER_KEY = "flask_assay:marker"
KEPT_S = 24 * 3600.0
"""A run's databases on a shared server are dropped by a later run after this: its owner may be
on another machine, where nobody here can see whether it lives."""

_OF_A_RUN = re.compile(r"_([0-9a-f]{8})_assay$")
_TLS = (("sslmode", "PGSSLMODE"), ("sslrootcert", "PGSSLROOTCERT"))
_KNOWN_PARAMETERS = frozenset({"host", "port", *(name for name, _ in _TLS)})


@dataclass(frozen=True, slots=True)
class PostgresAddress:
    """What a PostgreSQL URL says.

    Attributes:
        host: Name, address, or directory of a unix socket.
        port: Its port.
        database: Its name.
        user: Role.
        password: "" for none.
        variables: libpq variables for the rest of the query.
    """

    host: str
    port: int
    database: str
    user: str
    password: str
    variables: Mapping[str, str]


def adoption_sql() -> str:
    """Return what the owner of a database runs in it to allow flask-assay to use its server."""
    return marker_sql(ADOPTED, "")


def parse_postgres_url(url: str) -> PostgresAddress:
    """Return the parts of ``postgresql[+driver]://user:password@host:port/database?…``.

    Raises:
        UsageError: If it is none; without the password.
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _bad_url(POSTGRES_VARIABLE, str(error)) from None
    query = dict(parse_qsl(parts.query))
    if parts.scheme.partition("+")[0] not in {"postgresql", "postgres"}:
        raise _bad_url(POSTGRES_VARIABLE, f'its scheme is "{parts.scheme}"')
    unknown = sorted(query.keys() - _KNOWN_PARAMETERS)
    if unknown:
        raise _bad_url(POSTGRES_VARIABLE, f"it has unknown parameters: {', '.join(unknown)}")
    database = unquote(parts.path.removeprefix("/"))
    if not database or not parts.username:
        raise _bad_url(POSTGRES_VARIABLE, "it names no database or no user")
    return PostgresAddress(
        host=query.get("host") or unquote(parts.hostname or "") or "localhost",
        port=int(query.get("port") or port or 5432),
        database=database,
        user=unquote(parts.username),
        password=unquote(parts.password or ""),
        variables={name: query[key] for key, name in _TLS if key in query},
    )


def _bad_url(variable: str, why: str) -> UsageError:
    return UsageError(
        f"{variable} cannot be used: {why}",
        why="It names the server to use instead of the embedded one.",
        todo=f"{variable}=postgresql://user:password@host:5432/shop_test"
        if variable == POSTGRES_VARIABLE
        else f"{variable}=redis://:password@host:6379/15",
    )


def refusals(facts: Facts, listed: Collection[str]) -> list[str]:
    """Return which of the three rules a database breaks; empty if it may be used."""
    reasons = []
    if not facts.database.endswith(ALLOWED_SUFFIXES):
        reasons.append("its name ends neither in _assay nor in _test")
    if ADOPTED not in facts.nonces:
        reasons.append("it does not hold our marker")
    if facts.database not in listed:
        reasons.append("it is not listed under `external_databases`")
    return reasons


class ExternalPostgres(PostgresDatabases):
    """Databases of a run on a server that the user gave us.

    Statements run as the user of the URL, who must be allowed to create databases.

    Attributes:
        address: What the URL says.
        suffix: What the names of this run's databases end with.
    """

    def __init__(self, where: Coordinates, address: PostgresAddress) -> None:
        super().__init__(where)
        self.address = address
        self.suffix = f"_{where.run_id}_assay"
        self._maintenance = address.database
        self._psql = Psql(
            program=where.psql,
            host=address.host,
            port=address.port,
            user=address.user,
            run_id=where.run_id,
            password=address.password,
            extra=address.variables,
        )

    def prove(self, query: Query, *, host: str) -> OwnedDatabase:
        """Return the proof that a live connection leads to a database of this run."""
        facts = read_facts(query)
        reasons = []
        if not facts.database.endswith(self.suffix):
            reasons.append("its name is not one that this run gives")
        if self.where.nonce not in facts.nonces:
            reasons.append("it does not hold this run's marker")
        if facts.system_identifier != self.system_identifier:
            reasons.append("its cluster is not the one that was allowed")
        if reasons:
            raise refused(facts.database, host, reasons)
        return self._owned(facts.database)

    def _owned(self, name: str) -> OwnedDatabase:
        return OwnedDatabase(
            name=name if not name or name.endswith(self.suffix) else name + self.suffix,
            socket_dir=None,
            host=self.address.host,
            port=self.address.port,
            system_identifier=self.system_identifier,
            nonce=self.where.nonce,
            user=self.address.user,
        )

    def _copy(self, template: OwnedDatabase, owned: OwnedDatabase) -> None:
        # Before 15 a file copy is the only way, and the word for it does not exist.
        strategy = " STRATEGY file_copy" if int(self.version.partition(".")[0]) >= 15 else ""
        self.sql(
            None,
            f"CREATE DATABASE {quoted(owned.name)} TEMPLATE {quoted(template.name)}{strategy}",
        )

    def url(self, db: OwnedDatabase, *, driver: str = "psycopg2", user: str | None = None) -> str:
        """Return an SQLAlchemy URL, the password in it: for the target only, never for a report."""
        self._require(db)
        address = self.address
        secret = f":{quote(address.password, safe='')}" if address.password else ""
        who = f"{quote(user or address.user, safe='')}{secret}"
        scheme = f"postgresql+{driver}" if driver else "postgresql"
        name = quote(db.name, safe="")
        if address.host.startswith("/"):
            place = quote(address.host, safe="")
            return f"{scheme}://{who}@/{name}?host={place}&port={address.port}"
        extra = {key: address.variables[name] for key, name in _TLS if name in address.variables}
        tail = f"?{urlencode(extra)}" if extra else ""
        return f"{scheme}://{who}@{address.host}:{address.port}/{name}{tail}"

    def dsn(self, db: OwnedDatabase, *, user: str | None = None) -> str:
        """Return a libpq connection string, the password in it."""
        return self.url(db, driver="", user=user)

    def drop_all(self) -> None:
        """Drop every database that this run made, connections or not."""
        for (name,) in self.sql(None, "SELECT datname FROM pg_database WHERE datallowconn"):
            if name.endswith(self.suffix):
                self.drop_database(self._owned(name))

    def drop_leftovers(
        self, *, is_live: Callable[[str], bool], older_than_s: float = KEPT_S
    ) -> int:
        """Drop databases of dead runs; return how many.

        Args:
            is_live: Whether a run id is one of a run that lives on this machine.
            older_than_s: Seconds; the owner may be on another machine.
        """
        dropped = 0
        for (name,) in self.sql(None, "SELECT datname FROM pg_database WHERE datallowconn"):
            match = _OF_A_RUN.search(name)
            if match is None or is_live(match[1]) or not self._is_old(name, match[1], older_than_s):
                continue
            self.sql(None, f"DROP DATABASE IF EXISTS {quoted(name)}")
            dropped += 1
        return dropped

    def _is_old(self, name: str, run_id: str, older_than_s: float) -> bool:
        """Ask the marker; what does not hold that run's is nobody's of ours."""
        try:
            rows = self._psql.run(
                name,
                "SELECT run_id, extract(epoch FROM now() - created_at) FROM flask_assay.marker",
            )
        except SqlError:
            return False
        return any(row[0] == run_id and float(row[1]) > older_than_s for row in rows)


def provision_external_postgres(
    run: RunDirectory, url: str, *, listed: Collection[str]
) -> ExternalPostgres:
    """Return the databases of this run on a server that the user gave us.

    Args:
        run: Whose databases they will be.
        url: Of a database on that server, from ``ASSAY_POSTGRES_URL``.
        listed: Databases that the user allows by name.

    Raises:
        UsageError: If the URL cannot be read.
        NotOursError: If one of the three rules is broken; with each that is.
        ServiceError: If the server does not answer.
    """
    address = parse_postgres_url(url)
    program = shutil.which("psql") or find_postgres(run.cache).path("psql")
    where = Coordinates(
        psql=program, socket_dir="", port=address.port, run_id=run.run_id, nonce=run.nonce
    )
    server = ExternalPostgres(where, address)
    try:
        facts = read_facts(lambda statement: server.sql(None, statement))
        reasons = refusals(facts, listed)
        if reasons:
            raise refused(address.database, address.host, reasons)
        server.identify()
    except SqlError as error:
        raise ServiceError(
            f'database "{address.database}" at {address.host}:{address.port} does not answer',
            why=error.what.partition(" (database ")[0],
            todo=f"Check {POSTGRES_VARIABLE}. For a server that demands TLS install PostgreSQL's "
            "own client (psql): the one in the wheel has none.",
        ) from None
    runs = run.path.parent
    server.drop_leftovers(is_live=lambda run_id: (runs / run_id).exists())
    return server


class ExternalValkey:
    """A Redis or Valkey database that the user gave us.

    Attributes:
        address: Where it is.
        version: What the server says.
    """

    def __init__(self, address: Address, url: str) -> None:
        self.address, self._url = address, url
        info = str(ask(address, "INFO", "server"))
        facts = dict(line.split(":", 1) for line in info.splitlines() if ":" in line)
        self.version = facts.get("valkey_version", facts.get("redis_version", ""))

    def ask(self, *words: str) -> Reply:
        """Send one command and return its reply."""
        return ask(self.address, *words)

    def url(self) -> str:
        """Return the URL as it was given."""
        return self._url


def parse_redis_url(url: str) -> Address:
    """Return the parts of ``redis://user:password@host:port/number`` or ``unix://path?db=number``.

    Raises:
        UsageError: If it is neither; without the password.
    """
    try:
        parts = urlsplit(url)
        number = dict(parse_qsl(parts.query)).get("db") or parts.path.removeprefix("/")
        if parts.scheme == "unix":
            database = int(dict(parse_qsl(parts.query)).get("db", "0"))
            return Address(path=unquote(parts.path), database=database)
        if parts.scheme != "redis":
            raise _bad_url(REDIS_VARIABLE, f'its scheme is "{parts.scheme}", not redis or unix')
        return Address(
            host=unquote(parts.hostname or "localhost"),
            port=parts.port or 6379,
            username=unquote(parts.username or ""),
            password=unquote(parts.password or ""),
            database=int(number or 0),
        )
    except ValueError as error:
        raise _bad_url(REDIS_VARIABLE, str(error)) from None


def provision_external_valkey(url: str, *, listed: Collection[str]) -> ExternalValkey:
    """Return a Redis database that the user gave us.

    Redis databases have numbers and no names, so the name's part in the rules is taken by the
    list, which must hold it as ``host:port/number`` (or ``path/number`` of a unix socket).

    Args:
        url: From ``ASSAY_REDIS_URL``.
        listed: Databases that the user allows.

    Raises:
        UsageError: If the URL cannot be read.
        NotOursError: If the database does not hold our marker or is not listed.
        ServiceError: If the server does not answer.
    """
    address = parse_redis_url(url)
    place = address.path or f"{address.host}:{address.port}"
    name = f"{place}/{address.database}"
    try:
        marker = ask(address, "GET", MARKER_KEY)
        reasons = []
        if marker != ADOPTED:
            reasons.append(f"it does not hold our marker (SET {MARKER_KEY} {ADOPTED})")
        if name not in listed:
            reasons.append(f'"{name}" is not listed under `external_databases`')
        if reasons:
            raise refused(str(address.database), place, reasons)
        return ExternalValkey(address, url)
    except (OSError, RespError) as error:
        raise ServiceError(
            f"Redis at {place} does not answer", why=str(error), todo=f"Check {REDIS_VARIABLE}."
        ) from None
