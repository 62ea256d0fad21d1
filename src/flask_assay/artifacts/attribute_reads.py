"""attribute-reads: which rows and columns of the ORM's objects were read, in the learning pass."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from flask_assay.artifacts.request_queries import QueryUse
from flask_assay.artifacts.view import View, artifact

__all__ = [
    "AttributeReads",
    "ColumnReads",
    "LoadedRows",
    "attribute_reads",
    "lazy_load_origins",
    "statements_at",
]


@dataclass(frozen=True, slots=True)
class ColumnReads:
    """One column of the objects of a group: with how many it came, on how many it was read."""

    loaded_count: int
    read_count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class LoadedRows:
    """Objects of one class that came one way.

    Attributes:
        route: "GET /orders".
        kind: "query", "lazy" or "eager".
        site: Line that loaded them; of eager ones the line of their parents' statement.
        origin: Line of the statement that the way begins with.
        path: Relationships along the way, "Order.lines" each; empty for a query's own entity.
        entity: Name of the class.
        request_count: Requests that loaded some.
        instance_count: Objects.
        touched_count: Those of which anything was read, written or deleted.
        columns: By attribute.
        relationships: Relationship attribute → objects on which it was read.
        is_certain: Whether all reads are seen; not where code takes values out of ``__dict__``.
    """

    route: str
    kind: str
    site: str
    origin: str
    path: tuple[str, ...]
    entity: str
    request_count: int
    instance_count: int
    touched_count: int
    columns: Mapping[str, ColumnReads]
    relationships: Mapping[str, int]
    is_certain: bool

    @property
    def per_request(self) -> float:
        """Objects per request that loads some."""
        return self.instance_count / max(1, self.request_count)


@dataclass(frozen=True, slots=True)
class AttributeReads:
    """What the learning pass saw.

    Attributes:
        groups: Objects by the way they came.
    """

    groups: tuple[LoadedRows, ...]

    def parents_of(self, rows: LoadedRows) -> list[LoadedRows]:
        """Return the objects whose relationship loaded these."""
        return [
            one
            for one in self.groups
            if (one.route, one.origin, one.path) == (rows.route, rows.origin, rows.path[:-1])
        ]


@artifact("attribute-reads")
def attribute_reads(view: View) -> AttributeReads:
    """Read ``learning.json``.

    Raises:
        UnavailableError: If there was no learning pass.
    """
    document = view.document("learning", "no requests were repeated to learn what is read")
    readers = _strings(document.get("dict_readers"))
    return AttributeReads(tuple(_rows(entry, readers) for entry in _dicts(document.get("groups"))))


@artifact("lazy-load-origins")
def lazy_load_origins(view: View) -> Mapping[tuple[str, str], Counter[str]]:
    """Return which lines loaded the parents, by (route, relationship); empty if not learned."""
    found: dict[tuple[str, str], Counter[str]] = {}
    for entry in _dicts(view.recording.document("learning").get("lazy_loads")):
        path = _strings(entry.get("path"))
        if path:
            sites = found.setdefault((str(entry.get("route")), path[-1]), Counter())
            sites[str(entry.get("origin"))] += int(str(entry.get("count", 0)))
    return found


def statements_at(uses: Iterable[QueryUse], rows: LoadedRows) -> list[QueryUse]:
    """Return the statements of the load that brought such objects, most expensive first."""
    wanted = rows.path[-1] if rows.kind == "lazy" else ""
    found = [
        use
        for use in uses
        if use.route == rows.route
        and use.detail == wanted
        and (rows.site in use.sites or rows.site in use.sampled)
    ]
    return sorted(found, key=lambda use: -use.wall_ns)


def _rows(entry: Mapping[str, object], readers: tuple[str, ...]) -> LoadedRows:
    site, files = str(entry.get("site")), _strings(entry.get("files"))
    columns, relationships = entry.get("columns"), entry.get("relationships")
    return LoadedRows(
        route=str(entry.get("route")),
        kind=str(entry.get("kind")),
        site=site,
        origin=str(entry.get("origin")),
        path=_strings(entry.get("path")),
        entity=str(entry.get("entity")),
        request_count=_int(entry, "requests"),
        instance_count=_int(entry, "instances"),
        touched_count=_int(entry, "touched"),
        columns={
            str(name): ColumnReads(_int(one, "loaded"), _int(one, "read"), _int(one, "bytes"))
            for name, one in (columns.items() if isinstance(columns, dict) else ())
        },
        relationships={
            str(name): int(count)
            for name, count in (relationships.items() if isinstance(relationships, dict) else ())
        },
        is_certain=not {site.rpartition(":")[0], *files} & set(readers),
    )


def _int(entry: Mapping[str, object], name: str) -> int:
    return int(str(entry.get(name, 0)))


def _strings(value: object) -> tuple[str, ...]:
    return tuple(str(each) for each in value) if isinstance(value, list) else ()


def _dicts(value: object) -> list[dict[str, object]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
