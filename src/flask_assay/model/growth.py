"""How much work the routes make at several sizes of the data: counts, never times."""

from dataclasses import dataclass

__all__ = ["Growth", "GrowthPoint", "GrowthSize", "RouteGrowth", "StatementGrowth"]


@dataclass(frozen=True, slots=True)
class GrowthSize:
    """One size of the data.

    Attributes:
        scale: What the seed was asked for.
        row_count: Rows of all tables.
        bytes: Their size on disk, indexes included.
    """

    scale: float
    row_count: int
    bytes: int


@dataclass(frozen=True, slots=True)
class GrowthPoint:
    """One route at one size; means per request.

    Attributes:
        scale: Of the size.
        request_count: Requests, the same ones at each size.
        statement_count: Statements that PostgreSQL executed.
        row_count: Rows that it sent or changed.
        block_count: Blocks of 8 KiB that it visited, in memory or on disk.
        body_bytes: Bytes of the response.
    """

    scale: float
    request_count: int
    statement_count: float
    row_count: float
    block_count: float
    body_bytes: float


@dataclass(frozen=True, slots=True)
class StatementGrowth:
    """One statement of a route; means per request, one for each size.

    Attributes:
        statement: Shape.
        row_counts: Rows.
        block_counts: Blocks.
    """

    statement: str
    row_counts: tuple[float, ...]
    block_counts: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class RouteGrowth:
    """One route at all sizes.

    Attributes:
        route: "GET /orders".
        points: One for each size, in order.
        statements: Its statements, by blocks at the largest size.
    """

    route: str
    points: tuple[GrowthPoint, ...]
    statements: tuple[StatementGrowth, ...] = ()


@dataclass(frozen=True, slots=True)
class Growth:
    """The document ``growth.json``.

    Attributes:
        sizes: Smallest first.
        routes: Routes that answered the same requests at each size.
        left_out: Routes of the load that did not.
    """

    sizes: tuple[GrowthSize, ...]
    routes: tuple[RouteGrowth, ...]
    left_out: tuple[str, ...] = ()
