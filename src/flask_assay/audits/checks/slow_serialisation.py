"""slow-serialisation: much of a route's CPU goes into turning objects into text.

## What it detects
Endpoints that spend at least `SHARE_RATIO` of their sampled CPU, and `PER_REQUEST_S` of each
request, in JSON encoders and schema libraries, without what these load from a database.

## Why it matters
Serialising runs under the interpreter's lock: while one request does it, all others of the process
wait. Schema libraries written in Python take ten to a hundred times as long as the encoding alone.

## How it is detected
A learning pass samples the CPU of each route (at least 40 ms of it, over 5 requests); a sample
counts if a serialiser is on the stack and no database driver or ORM below it.

## Known problems
The cost may be that of the amount: see `oversized-response` first; a route with a finding of
`unbounded-result` has none of this. Encoders in C are charged to the Python function that called
them. Hand-written `to_dict` functions are the user's own code: see `hot-function`.

## How to fix
Send fewer fields and rows; select columns instead of objects; a serialiser in C or Rust (orjson,
msgspec, pydantic 2); keep the text of what seldom changes.

## References
Flask, "JSON Support", `app.json` provider; msgspec, "Benchmarks".
"""

from collections.abc import Sequence

from flask_assay.artifacts.endpoint_cpu import endpoint_cpu, endpoint_stacks
from flask_assay.artifacts.places import most_frequent
from flask_assay.artifacts.settings import view_places
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.audits.sampled_cpu import KindOfWork, KindOfWorkUse, findings_of_kind
from flask_assay.model.finding import Finding, Place

SHARE_RATIO = 0.3  # of the endpoint's sampled CPU
SURE_RATIO = 0.2  # lower end of the share's interval
PER_REQUEST_S = 0.003  # on average
_KIND = KindOfWork(lambda entry: entry.serialising, SHARE_RATIO, SURE_RATIO, PER_REQUEST_S)

META = Meta(
    audit_id="slow-serialisation",
    title="Serialising takes a small part of the CPU",
    failure_title="Serialising takes much of the CPU",
    needs=(steady_state, endpoint_cpu, endpoint_stacks, view_places),
    state=State.PREVIEW,
    effect_of=frozenset({"unbounded-result"}),
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per route."""

    def describe(use: KindOfWorkUse) -> tuple[str, str, Place | None]:
        library = most_frequent(use.weights)
        return (
            f"{use.route} spends {use.share * 100:.0f} % of its CPU serialising with {library}",
            "What the serialiser loads from the database meanwhile is not counted.",
            given[view_places].get(use.endpoint),
        )

    return findings_of_kind(given, META, _KIND, describe)
