"""template-compiled-per-request: a template is compiled each time it is rendered.

## What it detects
Routes of which at least `REQUESTS_RATIO` of the requests compile a template.

## Why it matters
Compiling takes longer than rendering: about 0.4 ms for one line, tens of milliseconds for a page.

## How it is detected
Compilations are counted by request in the steady state, when file templates are compiled already.

## Known problems
A template cache smaller than the number of templates compiles again and again, too.

## How to fix
Put the template into a file and use `render_template`; or compile it once:
`TEMPLATE = env.from_string(source)`.

## References
Jinja, "High Level API", section "Bytecode Cache".
"""

from collections.abc import Sequence

from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.template_renders import TemplateRenders, template_renders
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.weighing import severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

REQUESTS_RATIO = 0.5  # of the route's requests compile

META = Meta(
    audit_id="template-compiled-per-request",
    title="Templates are compiled once",
    failure_title="Templates are compiled for each request",
    needs=(steady_state, template_renders),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    steady = given[steady_state]
    return [
        _finding(route, renders, steady)
        for route, renders in given[template_renders].items()
        if renders.compile_request_count >= REQUESTS_RATIO * len(steady.by_route[route])
    ]


def _finding(route: str, renders: TemplateRenders, steady: SteadyState) -> Finding:
    cost = renders.compile_ns / 1e9
    site = most_frequent(renders.compile_sites)
    severity = severity_of({route: cost}, steady)
    name = most_frequent(renders.compiled) or "<template>"
    return Finding(
        audit=META.audit_id,
        key=f"{route}:{name}",
        severity=severity if severity is not Severity.NOTE else Severity.WARNING,
        title=f"{route} compiles a template for each request",
        routes=(route,),
        detail=f"{name} was compiled {renders.compile_count:,} times in the steady state.",
        place=place_of(site),
        cost_s=cost,
        cost_per_request_s=cost / renders.compile_request_count,
        evidence=(
            Evidence("compilations", renders.compile_count, "", n=len(steady.by_route[route])),
            Evidence("time of compiling", cost * 1e3, "ms", n=renders.compile_count),
        ),
        remedies=(
            Remedy(
                "compile-once",
                {"endpoint": steady.by_route[route][0].endpoint, "site": site},
                "Compile the template once, or render it from a file.",
                'return render_template("invoice.html", **context)\n',
            ),
        ),
    )
