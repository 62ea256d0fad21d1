"""template-renders: templates rendered and compiled by each route."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import View, artifact
from flask_assay.model.rows import RequestRow, SpanKind

__all__ = ["TemplateRenders", "template_renders"]


@dataclass(slots=True)
class TemplateRenders:
    """One route's templates in the steady state.

    The first compilation of a template in a process is nobody's fault and is not counted.

    Attributes:
        render_count: Renderings.
        compile_request_count: Requests that compiled at least one template.
        compile_count: Compilations.
        compile_ns: Their wall time.
        compile_sites: Call sites of compilations.
        compiled: Names of compiled templates; "" for one made from a string.
    """

    render_count: int = 0
    compile_request_count: int = 0
    compile_count: int = 0
    compile_ns: int = 0
    compile_sites: Counter[str] = field(default_factory=Counter)
    compiled: Counter[str] = field(default_factory=Counter)


@artifact("template-renders")
def template_renders(view: View) -> Mapping[str, TemplateRenders]:
    """Return renderings by route, for routes with any."""
    found: dict[str, TemplateRenders] = {}
    seen: set[tuple[int, str]] = set()
    for route, rows in view[steady_state].by_route.items():
        renders = TemplateRenders()
        for row in rows:
            _add(renders, row, seen)
        if renders.render_count or renders.compile_count:
            found[route] = renders
    return found


def _add(renders: TemplateRenders, row: RequestRow, seen: set[tuple[int, str]]) -> None:
    compiled = 0
    for span in row.spans:
        if span.kind is SpanKind.TEMPLATE:
            renders.render_count += 1
            if span.site:
                renders.compile_sites.setdefault(span.site, 0)
        elif span.kind is SpanKind.COMPILE and (row.pid, span.name) not in seen:
            seen.add((row.pid, span.name))
        elif span.kind is SpanKind.COMPILE:
            compiled += 1
            renders.compile_ns += span.wall_ns
            renders.compile_sites[span.site] += 1
            renders.compiled[span.name] += 1
    renders.compile_count += compiled
    renders.compile_request_count += compiled > 0
