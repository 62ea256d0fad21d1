"""Where connections go: plain data that travels to child processes as JSON."""

from collections.abc import Collection
from dataclasses import asdict, dataclass, field
from typing import Any

__all__ = ["RoutePlan"]


@dataclass(frozen=True, slots=True)
class RoutePlan:
    """The servers that stand in for the app's own.

    Attributes:
        host: Directory of PostgreSQL's unix socket, or a host name.
        port: PostgreSQL's port.
        user: Role that the app connects as.
        password: Its password, "" where none is needed.
        database: Database of the first URL that the app uses.
        further: Key of each further URL (``url_key``) to its database.
        suffix: What names of databases that are made for further URLs end with.
        redis_path: Unix socket of the Redis server; "" leaves Redis alone.
        redis_host: Host of a Redis server reached by TCP; "" if by socket.
        redis_port: Its port.
        redis_database: The one number that every client uses; None leaves the app its own.
        redis_user: User of a Redis server that demands one.
        redis_password: Its password.
    """

    host: str
    port: int
    user: str
    database: str
    password: str = ""
    further: dict[str, str] = field(default_factory=dict)
    suffix: str = ""
    redis_path: str = ""
    redis_host: str = ""
    redis_port: int = 0
    redis_database: int | None = None
    redis_user: str = ""
    redis_password: str = ""

    def leads_here(self, host: object, database: object, more: Collection[str] = ()) -> bool:
        """Whether a connection as the app asks for it already leads to a database of this run.

        The server alone does not tell: a server that the user gave may hold the app's real
        database as well.

        Args:
            host: As the connection names it.
            database: As the connection names it.
            more: Databases of this run that were made since the plan was.
        """
        names = {self.database, *self.further.values(), *more}
        return str(host or "") == self.host and str(database or "") in names

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON-able data."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "RoutePlan":
        """Return the plan that ``to_json`` described."""
        return cls(**data)
