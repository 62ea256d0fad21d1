"""What a learning pass found out about rows: loaded by which line, by which way, and read or not.

Kept in counts from the start, so that its size follows the app's code and not its data.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["Group", "Ledger", "Loaded", "Source", "note_columns", "width"]

MAX_GROUPS = 5_000


@dataclass(frozen=True, slots=True)
class Source:
    """What made the ORM load rows.

    Attributes:
        route: "GET /orders".
        kind: "query" for a statement of the user's code, "lazy" for a relationship at its first
            use, "eager" for one that a loader option or the mapping loads beside its parents.
        site: Line that ran the statement; of an eager load that of its parents' statement.
        origin: Line whose statement loaded the parents; of a query its own.
    """

    route: str
    kind: str
    site: str
    origin: str


@dataclass(slots=True)
class Group:
    """Rows of one class that came one way.

    Attributes:
        source: What loaded them.
        path: Relationships that lead to them from the origin's entity, "Order.lines" each.
        entity: Name of the mapped class.
        files: Files of the user in which the class and its bases are written.
        request_count: Requests that loaded some.
        instance_count: Rows that became objects.
        touched_count: Objects of which anything was read, written or deleted.
        columns: Column attribute → [loaded, read, bytes when loaded].
        relationships: Relationship attribute → objects on which it was read.
    """

    source: Source
    path: tuple[str, ...]
    entity: str
    files: tuple[str, ...] = ()
    request_count: int = 0
    instance_count: int = 0
    touched_count: int = 0
    columns: dict[str, list[int]] = field(default_factory=dict)
    relationships: dict[str, int] = field(default_factory=dict)
    last_request: object = None


class Loaded:
    """One object that was loaded."""

    __slots__ = ("_group", "_read")

    def __init__(self, group: Group) -> None:
        self._group = group
        self._read: set[str] = set()

    def note(self, name: str) -> None:
        """Count the first read of an attribute; "" stands for another use."""
        read = self._read
        if name in read:
            return
        group = self._group
        if not read:
            group.touched_count += 1
        read.add(name)
        column = group.columns.get(name)
        if column is not None:
            column[1] += 1
        elif name:
            group.relationships[name] = group.relationships.get(name, 0) + 1

    def note_all(self) -> None:
        """Count every column as read: the object was copied or stored as a whole."""
        for name in list(self._group.columns):
            self.note(name)
        self.note("")


class Ledger:
    """All groups of a process, and who loaded relationships."""

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self._groups: dict[tuple[Any, ...], Group] = {}
        self._lazy: dict[tuple[str, ...], int] = {}
        self._eager: dict[tuple[str, str, tuple[str, ...]], int] = {}
        self._requests: dict[str, int] = {}

    def note_request(self, route: str) -> None:
        """Count a request that loaded something."""
        self._requests[route] = self._requests.get(route, 0) + 1

    def note_lazy(self, source: Source, path: tuple[str, ...]) -> None:
        """Count a lazy load along a path."""
        key = (source.route, source.origin, source.site, *path)
        self._lazy[key] = self._lazy.get(key, 0) + 1

    def note_eager(self, source: Source, path: tuple[str, ...]) -> None:
        """Count a statement that an eager loader sent."""
        key = (source.route, source.origin, path)
        self._eager[key] = self._eager.get(key, 0) + 1

    def load(
        self, source: Source, path: tuple[str, ...], entity: type, request: object
    ) -> Group | None:
        """Count an object and return its group, None beyond the cap."""
        key = (source, path, entity)
        group = self._groups.get(key)
        if group is None:
            if len(self._groups) >= MAX_GROUPS:
                return None
            group = self._groups[key] = Group(source, path, entity.__name__)
        if group.last_request is not request:
            group.last_request = request
            group.request_count += 1
        group.instance_count += 1
        return group

    def as_dict(self) -> dict[str, Any]:
        """Return the document ``learned-<pid>.json``."""
        return {
            "requests": dict(self._requests),
            "groups": [_group(group) for group in list(self._groups.values())],
            "lazy_loads": [
                {"route": route, "origin": origin, "site": site, "path": path, "count": count}
                for (route, origin, site, *path), count in list(self._lazy.items())
            ],
            "eager_loads": [
                {"route": route, "origin": origin, "path": list(path), "count": count}
                for (route, origin, path), count in list(self._eager.items())
            ],
        }


def _group(group: Group) -> dict[str, Any]:
    source = group.source
    return {
        "route": source.route,
        "kind": source.kind,
        "site": source.site,
        "origin": source.origin,
        "path": list(group.path),
        "entity": group.entity,
        "files": list(group.files),
        "requests": group.request_count,
        "instances": group.instance_count,
        "touched": group.touched_count,
        "columns": {
            name: {"loaded": loaded, "read": read, "bytes": size}
            for name, (loaded, read, size) in group.columns.items()
        },
        "relationships": dict(group.relationships),
    }


def note_columns(group: Group, names: Iterable[str], values: Mapping[str, Any]) -> None:
    """Count the columns that an object was loaded with, and their bytes."""
    columns = group.columns
    for name in names:
        if name in values:
            column = columns.get(name)
            if column is None:
                column = columns[name] = [0, 0, 0]
            column[0] += 1
            column[2] += width(values[name])


def width(value: Any) -> int:
    """Return about how many bytes a value takes on its way from the server."""
    if value is None:
        return 0
    if isinstance(value, str | bytes | bytearray | memoryview):
        return len(value)
    if isinstance(value, dict | list | tuple):
        return len(repr(value))
    return 8
