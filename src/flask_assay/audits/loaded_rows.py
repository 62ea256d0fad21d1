"""What the audits of loaded objects share: the statements that brought them, and their cost.

Needs the artifacts ``counted_requests``, ``request_queries`` and ``statement_shapes``.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from flask_assay.artifacts.attribute_reads import LoadedRows, statements_at
from flask_assay.artifacts.counted_requests import counted_requests
from flask_assay.artifacts.places import place_of
from flask_assay.artifacts.request_queries import request_queries
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Place, Severity

__all__ = ["Loading", "loading_of"]


@dataclass(frozen=True, slots=True)
class Loading:
    """Where objects come from and what it costs; costs are None if no statement is known."""

    routes: tuple[str, ...]
    place: Place | None
    severity: Severity
    cost_s: float | None
    cost_per_request_s: float | None
    sql: str
    statement_id: str


def loading_of(
    group: Sequence[LoadedRows], worst: LoadedRows, given: Given, *, is_serious: bool
) -> Loading:
    """Return what is known of the statements that load such objects at one place.

    Args:
        group: Objects of one class, by route.
        worst: The one of them that is shown.
        given: Artifacts.
        is_serious: Whether they are many, so that it is more than a note however fast it is.
    """
    counted = given[counted_requests]
    uses = [use for rows in group for use in statements_at(given[request_queries].values(), rows)]
    costs = {rows.route: 0.0 for rows in group}
    for use in uses:
        costs[use.route] += use.wall_s
    severity = severity_of(costs, counted)
    requests = sum(len(counted.by_route.get(route, ())) for route in costs)
    statement = uses[0].statement if uses else ""
    return Loading(
        routes=tuple(costs),
        place=place_of(worst.site) or place_of(worst.origin),
        severity=Severity.WARNING if is_serious and severity is Severity.NOTE else severity,
        cost_s=sum(costs.values()) if uses else None,
        cost_per_request_s=sum(costs.values()) / requests if uses and requests else None,
        sql=statement,
        statement_id=given[statement_shapes][statement].statement_id if statement else "",
    )
