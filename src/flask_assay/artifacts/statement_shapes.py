"""statement-shapes: each statement over all routes, most expensive first."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.request_queries import request_queries
from flask_assay.artifacts.view import View, artifact

__all__ = ["StatementShape", "statement_shapes"]


@dataclass(slots=True)
class StatementShape:
    """One statement over the counted requests.

    Attributes:
        statement_id: "q1", "q2" … in order of total time.
        statement: Shape.
        execution_count: Executions seen by the probe.
        wall_ns: Their wall time.
        row_count: Rows of the executions that know theirs.
        row_known_count: Executions that know theirs.
        route_wall_ns: Wall time by route.
        sites: Call sites, over the whole run.
    """

    statement_id: str
    statement: str
    execution_count: int = 0
    wall_ns: int = 0
    row_count: int = 0
    row_known_count: int = 0
    route_wall_ns: dict[str, int] = field(default_factory=dict)
    sites: Counter[str] = field(default_factory=Counter)


@artifact("statement-shapes")
def statement_shapes(view: View) -> Mapping[str, StatementShape]:
    """Return statements by shape, ordered and numbered by total time."""
    shapes: dict[str, StatementShape] = {}
    for (route, statement, _), use in view[request_queries].items():
        shape = shapes.setdefault(statement, StatementShape("", statement))
        shape.execution_count += use.execution_count
        shape.wall_ns += use.wall_ns
        shape.row_count += use.row_count
        shape.row_known_count += use.row_known_count
        shape.route_wall_ns[route] = shape.route_wall_ns.get(route, 0) + use.wall_ns
        shape.sites.update(use.sampled)
    ordered = sorted(shapes.values(), key=lambda shape: (-shape.wall_ns, shape.statement))
    for number, shape in enumerate(ordered, 1):
        shape.statement_id = f"q{number}"
    return {shape.statement: shape for shape in ordered}
