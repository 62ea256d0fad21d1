"""Where an app's connections lead while its template is made, or found."""

from collections.abc import Callable
from typing import Any, Literal
from weakref import WeakSet

from flask_assay.routing.server_arguments import neutral
from flask_assay.sandbox.admin import Admin
from flask_assay.sandbox.attach import Attachment
from flask_assay.sandbox.facts import Facts
from flask_assay.sandbox.links import address
from flask_assay.sandbox.place import Place
from flask_assay.sandbox.provision import Provision
from flask_assay.services.postgres import PostgresServer

__all__ = ["Builder"]

_ALONE = (
    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


class Builder:
    """Catches connections while the template is made; they are real and lead to it.

    Args:
        start: Returns a new server.
        attachment: Knows the drivers.
        resume: Returns templates that are there already, or None; asked with the first
            connection. Its argument says whether the app's module is still being imported.

    Attributes:
        databases: By the address that the app asked for.
        resumed: What the app meets in place of an empty database.
        at_import: It met it while its module was imported.
    """

    epoch: object = "build"

    def __init__(
        self,
        start: Callable[[], PostgresServer],
        attachment: Attachment,
        resume: Callable[[bool], Provision | None] = lambda _: None,
    ) -> None:
        self._start, self._attachment, self._resume = start, attachment, resume
        self.databases: dict[str, Any] = {}
        self.resumed: Provision | None = None
        self.at_import = self._is_strange = False
        self._stage: Literal["import", "call", "made"] = "import"
        self._postgres: PostgresServer | None = None
        self._made: WeakSet[Any] = WeakSet()

    @property
    def postgres(self) -> PostgresServer:
        """The server that the template is on; started on first use."""
        if self._postgres is None:
            self._postgres = self._start()
        return self._postgres

    @property
    def is_started(self) -> bool:
        """Whether anything connected."""
        return self._postgres is not None

    def imported(self) -> None:
        """Note that the app's module is imported: what it does from here on can be done again."""
        self._stage = "call"

    def made(self) -> None:
        """Note that the app is made: what connects from here on fills an empty database."""
        self._stage = "made"

    def _begin(self) -> None:
        """Decide, with the first connection, what the app meets."""
        if self._stage == "made":
            return
        self.at_import = self._stage == "import"
        self.resumed = self._resume(self.at_import)
        if self.resumed is not None:
            self._postgres = self.resumed.postgres
            self.databases = {one.key: one.db for one in self.resumed.templates}

    def place(self, source: dict[str, Any]) -> Place:
        """Return where a connection for `source` goes."""
        key = address(source)
        if not self.is_started:
            self._begin()
        if key not in self.databases:
            self._is_strange = True
            name = f"template_{len(self.databases) + 1}"
            self.databases[key] = self.postgres.create_database(name)
        db = self.databases[key]
        return Place(str(db.socket_dir), db.port, db.name, db.user)

    def connect(self, driver: str, source: dict[str, Any], *, is_pooled: bool) -> Any:
        """Return a real connection."""
        if driver not in {"psycopg2", "psycopg"}:
            return None
        kept = {name: value for name, value in neutral(source).items() if value is not None}
        kept |= self.place(source).parameters()
        connection = self._attachment.originals[driver](**kept)
        self._made.add(connection)
        return connection

    def is_current(self, connection: Any) -> bool:
        """Whether a pooled connection is one of these."""
        known = type(connection).__module__.startswith("psycopg")
        return not known or connection in self._made

    def checked_out(self, connection: Any) -> None:
        """Nothing to note."""

    def used_session(self, session: Any) -> None:
        """Nothing to note."""

    def rebuilt(self, name: str, metadata: Any, arguments: dict[str, Any]) -> bool:
        """Let the schema be made."""
        return False

    def has_changed(self, provision: Provision) -> bool:
        """Whether the app left templates other than it met them; ends its connections."""
        self.close()
        admin = Admin(provision.server, self._attachment.own_connect())
        return self._is_strange or any(
            _is_changed(admin.connect(one.db.name), one.facts) for one in provision.templates
        )

    def close(self) -> None:
        """End every connection that the app still has."""
        for connection in list(self._made):
            connection.close()


def _is_changed(connection: Any, facts: Facts) -> bool:
    """Compare a template with what is known about it, and put its sequences back."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(_ALONE)
            cursor.execute(facts.fingerprint)
            ((found,),) = cursor.fetchall()
            if facts.link.restore_sequences_fully:
                cursor.execute(facts.link.restore_sequences_fully)
        return bool(found != facts.pristine)
    finally:
        connection.close()
