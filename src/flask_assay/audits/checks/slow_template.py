"""slow-template: much of a route's CPU goes into rendering.

## What it detects
Endpoints that spend at least `SHARE_RATIO` of their sampled CPU, and `PER_REQUEST_S` of each
request, in templates, without what these load from a database and without functions of yours
that they call.

## Why it matters
Rendering runs under the interpreter's lock: while one request does it, all others of the process
wait. A loop over a thousand rows with a macro and three filters each is a program of its own.

## How it is detected
A learning pass samples the CPU of each route (at least 40 ms of it, over 5 requests); a sample
counts if a template is on the stack and neither driver, nor ORM, nor your own Python below it.
The place is the template's line with the most samples.

## Known problems
The cost may be that of the amount: see `oversized-response` first; a route with a finding of
`unbounded-result` has none of this. Functions that a template calls are judged by `hot-function`.

## How to fix
Show fewer rows; work out values before, in one go; `{% cache %}` or a cached fragment for what
seldom changes; no `include` and no macro inside of long loops.

## References
Jinja, "Template Designer Documentation"; Flask-Caching, "Caching Jinja2 Snippets".
"""

from collections.abc import Sequence

from flask_assay.artifacts.endpoint_cpu import endpoint_cpu, endpoint_stacks
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.sampled_cpu import KindOfWork, KindOfWorkUse, findings_of_kind
from flask_assay.model.finding import Finding, Place

SHARE_RATIO = 0.5  # of the endpoint's sampled CPU
SURE_RATIO = 0.35  # lower end of the share's interval
PER_REQUEST_S = 0.01  # on average
_KIND = KindOfWork(lambda entry: entry.templating, SHARE_RATIO, SURE_RATIO, PER_REQUEST_S)

META = Meta(
    audit_id="slow-template",
    title="Rendering takes a small part of the CPU",
    failure_title="Rendering takes much of the CPU",
    needs=(steady_state, endpoint_cpu, endpoint_stacks),
    state=State.PREVIEW,
    effect_of=frozenset({"unbounded-result"}),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""
    return findings_of_kind(given, META, _KIND, _describe)


def _describe(use: KindOfWorkUse) -> tuple[str, str, Place | None]:
    place = place_of(most_frequent(use.weights))
    title = f"{use.route} spends {use.share * 100:.0f} % of its CPU in templates"
    return (
        title + (f", most in {place.file}" if place else ""),
        "What templates load from the database, and your functions that they call, is not counted.",
        place,
    )
