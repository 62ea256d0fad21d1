"""contended-rows: requests wait for each other's row locks.

## What it detects
Connections that wait for a lock in at least `SAMPLES_RATIO` of the samples of the steady state.

## Why it matters
A row that all requests change, such as a counter or a balance, lets one of them through at a time:
more workers only make the queue longer.

## How it is detected
PostgreSQL is asked once a second which of the app's connections wait for a lock. The statement
that is named is the write whose slowest executions took longest beyond its median.

## Known problems
Short waits fall between the samples. The named statement is a guess: waits are not recorded.

## How to fix
Commit earlier, change the hot row last, insert into a journal and add up later, or count in Redis.

## References
PostgreSQL documentation, "Explicit Locking".
"""

import statistics
from collections.abc import Sequence

from flask_assay.artifacts.lock_waits import LockWaits, lock_waits
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.statement_shapes import statement_shapes
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Severity

SAMPLES_MIN = 5
SAMPLES_RATIO = 0.2  # with at least one waiting connection

META = Meta(
    audit_id="contended-rows",
    title="Requests do not wait for each other's locks",
    failure_title="Requests wait for each other's row locks",
    needs=(lock_waits, statement_shapes),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return a finding if locks are waited for."""
    waits = given[lock_waits]
    waiting = [count for count in waits.samples if count]
    if len(waits.samples) < SAMPLES_MIN or len(waiting) < SAMPLES_RATIO * len(waits.samples):
        return ()
    return (_finding(waits, waiting, given),)


def _finding(waits: LockWaits, waiting: list[int], given: Given) -> Finding:
    shapes = given[statement_shapes]
    statement = max(waits.excess_ns, key=lambda one: (waits.excess_ns[one], one), default="")
    shape = shapes.get(statement)
    share = len(waiting) / len(waits.samples)
    return Finding(
        audit=META.audit_id,
        key="locks",
        severity=Severity.WARNING,
        title=f"Requests wait for row locks in {share * 100:.0f} % of the samples",
        routes=tuple(shape.route_wall_ns) if shape is not None else (),
        detail="The statement shown is the write that was most often much slower than usual.",
        place=place_of(most_frequent(shape.sites)) if shape is not None else None,
        cost_s=waits.excess_ns.get(statement, 0) / 1e9,
        evidence=(
            Evidence(
                "connections waiting for a lock",
                statistics.mean(waiting),
                "connections",
                n=len(waiting),
            ),
            Evidence("samples with one", round(share * 100, 1), "%", n=len(waits.samples)),
        ),
        sql=statement,
        statement_id=shape.statement_id if shape is not None else "",
    )
