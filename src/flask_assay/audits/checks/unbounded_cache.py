"""unbounded-cache: a global of the process gets an entry for whatever is asked, and keeps it.

## What it detects
Dictionaries, lists, sets and `lru_cache(maxsize=None)` of the user's modules and classes that get
at least `ENTRIES_MIN` entries in the steady state and still grow in its last third.

## Why it matters
A memo keyed by what a client sends grows with every client: the worker is killed in the end, and
until then its memory is taken from the database's. Each worker has a copy of its own.

## How it is detected
Lengths of globals are read every two seconds; the learning pass tells which route adds to them.

## Known problems
A memo of a bounded set, such as products, looks the same until all of them were asked for.
Entries of instances, closures and other people's packages are not looked at.

## How to fix
`functools.lru_cache(maxsize=...)`, or a cache with a bound and a lifetime outside of the process.
Do not put the query string into the key of what does not depend on it.

## References
Python, "functools.lru_cache".
"""

from collections.abc import Sequence

from flask_assay.artifacts.growing_containers import GrowingContainer, growing_containers
from flask_assay.artifacts.places import key_of
from flask_assay.artifacts.steady_state import SteadyState, steady_state
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Severity

ENTRIES_MIN = 20  # in the steady state

META = Meta(
    audit_id="unbounded-cache",
    title="What the process keeps has a bound",
    failure_title="The process keeps more and more entries",
    needs=(steady_state, growing_containers),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per global."""
    steady = given[steady_state]
    return [
        _finding(one, steady)
        for one in given[growing_containers]
        if one.grown_count >= ENTRIES_MIN and one.still_grows
    ]


def _finding(one: GrowingContainer, steady: SteadyState) -> Finding:
    routes = tuple(sorted(one.routes, key=lambda route: (-one.routes[route], route)))
    by = f", filled by {routes[0]}" if routes else ""
    minute = one.grown_count / steady.duration_s * 60 if steady.duration_s else 0.0
    return Finding(
        audit=META.audit_id,
        key=key_of(one.place, one.name),
        severity=Severity.WARNING,
        title=f"{one.name} got {one.grown_count:,} entries and was still growing{by}",
        routes=routes,
        detail="Nothing takes entries out of it; each worker process keeps its own.",
        place=one.place,
        evidence=(
            Evidence("entries at the end", one.last_count, "entries"),
            Evidence("new ones", round(minute, 1), "entries per minute"),
        ),
    )
