"""worker-mismatch: workers, threads and connections do not fit each other.

## What it detects
More threads in a process than its pool can ever give connections, where requests do wait for
the pool; or more connections than the server accepts; or requests that queue for longer than they
are served while the machine idles.

## Why it matters
Threads without connections only queue; processes without connections fail at the peak; too few of
both leave the machine idle while users wait.

## How it is detected
Settings of the server and the engines, queueing time (the client's time less the server's), and
the CPU of the whole machine, other programs' included. Queueing under settings that nobody gave,
Gunicorn's defaults, is a note.

## Known problems
On a saturated machine queueing is what must happen: nothing is said then. Threads that never touch
the database need no connection.

## How to fix
workers × (pool_size + max_overflow) below `max_connections`; pool_size at least the threads that
use the database; more threads for I/O, more workers for CPU.

## References
Gunicorn, "Design", section "How Many Workers?"
"""

from collections.abc import Mapping, Sequence

from flask_assay.artifacts.pool_timeline import PoolUse, pool_timeline
from flask_assay.artifacts.settings import ServerSettings, settings
from flask_assay.artifacts.steady_state import steady_state
from flask_assay.artifacts.time_breakdown import time_breakdown
from flask_assay.artifacts.view import Given, UnavailableError
from flask_assay.artifacts.worker_timeline import worker_timeline
from flask_assay.audits.audit import Meta, State
from flask_assay.model.cpu import total_cpu_ns
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

QUEUEING_RATIO = 1.0  # queueing over service
QUEUEING_S_MIN = 0.01  # per request, on average
CPU_BOUND_RATIO = 0.5  # of a core per worker, by its requests
BUSY_RATIO = 0.85  # of all cores: beyond it the machine is the limit
POOL_WAIT_RATIO = 0.02  # of all server time: threads do miss connections

META = Meta(
    audit_id="worker-mismatch",
    title="Workers, threads and connections fit each other",
    failure_title="Workers, threads and connections do not fit",
    needs=(steady_state, settings, pool_timeline, time_breakdown, worker_timeline),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return a finding for each mismatch."""
    known = given[settings]
    candidates = (_threads(given, known), _server_limit(known), _queueing(given, known))
    return [finding for finding in candidates if finding is not None]


def _threads(given: Given, known: ServerSettings) -> Finding | None:
    capacity = known.engines[0].capacity if known.engines else None
    if capacity is None or known.threads <= capacity:
        return None
    steady = given[steady_state]
    waits: Mapping[str, PoolUse] = given[pool_timeline]
    wait_s = sum(use.wait_s for use in waits.values())
    if not steady.server_s or wait_s / steady.server_s < POOL_WAIT_RATIO:
        return None
    return Finding(
        audit=META.audit_id,
        key="threads",
        severity=Severity.WARNING,
        title=f"{known.threads} threads share {capacity} database connections",
        detail=f"The other {known.threads - capacity} can only wait, and did.",
        place=known.places.get("threads"),
        cost_s=wait_s,
        evidence=(
            Evidence("threads per process", known.threads, "threads"),
            Evidence("connections per process at most", capacity, "connections"),
            Evidence("waiting for the pool", wait_s, "s", n=len(steady.requests)),
        ),
        remedies=(
            Remedy(
                "pool-size",
                {"pool_size": known.fitting_pool_size, "max_overflow": 0},
                f"Give each process {known.fitting_pool_size} connections.",
                "SQLALCHEMY_ENGINE_OPTIONS = "
                f'{{"pool_size": {known.fitting_pool_size}, "max_overflow": 0}}\n',
            ),
        ),
    )


def _server_limit(known: ServerSettings) -> Finding | None:
    capacities = [engine.capacity for engine in known.engines]
    wanted = known.workers * sum(capacity for capacity in capacities if capacity is not None)
    if known.max_connections is None or wanted <= known.max_connections:
        return None
    return Finding(
        audit=META.audit_id,
        key="max_connections",
        severity=Severity.WARNING,
        title=f"The pools may open {wanted} connections of {known.max_connections} that there are",
        detail="At the peak the next connection is refused.",
        evidence=(
            Evidence("connections at most, all workers", wanted, "connections"),
            Evidence("max_connections", known.max_connections, "connections"),
        ),
    )


def _amount(count: int, thing: str) -> str:
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def _queueing(given: Given, known: ServerSettings) -> Finding | None:
    steady, breakdown = given[steady_state], given[time_breakdown]
    count = len(steady.requests)
    queueing = sum(
        breakdown[route]["queueing"] * len(rows) for route, rows in steady.by_route.items()
    )
    if queueing / count < QUEUEING_S_MIN or queueing < QUEUEING_RATIO * steady.server_s:
        return None
    try:
        busy = given[worker_timeline].busy_ratio
    except UnavailableError:
        return None
    if busy is None or busy >= BUSY_RATIO:
        return None
    slots = known.workers * known.threads
    cpu_s = sum(map(total_cpu_ns, steady.by_route.values())) / 1e9
    is_busy = cpu_s > CPU_BOUND_RATIO * steady.duration_s * known.workers
    return Finding(
        audit=META.audit_id,
        key="queueing",
        severity=Severity.WARNING if known.is_configured else Severity.NOTE,
        title=(
            f"Requests wait {queueing / count * 1e3:.0f} ms for one of {slots} "
            f"{'thread' if slots == 1 else 'threads'}; {(1 - busy) * 100:.0f} % of the CPU idles"
        ),
        detail=(
            f"{_amount(known.workers, 'worker')} × {_amount(known.threads, 'thread')} can serve "
            f"{_amount(slots, 'request')} at a time. At this load more arrive, and the machine "
            "could serve them."
        ),
        place=known.places.get("threads") or known.places.get("workers"),
        cost_s=queueing,
        cost_per_request_s=queueing / count,
        evidence=(
            Evidence("mean queueing", queueing / count * 1e3, "ms", n=count),
            Evidence("mean service", steady.server_s / count * 1e3, "ms", n=count),
            Evidence("CPU in use", busy * 100, "%"),
        ),
        remedies=(_more(known, is_busy=is_busy),),
    )


def _more(known: ServerSettings, *, is_busy: bool) -> Remedy:
    """Propose processes where Python's lock is what is short of, else threads."""
    if is_busy:
        workers = known.workers * 2
        return Remedy(
            "workers",
            {"workers": workers, "threads": known.threads},
            f"Try {workers} workers: those that there are use their CPU.",
            f"workers = {workers}\n",
        )
    threads = known.threads * 2
    return Remedy(
        "workers",
        {"workers": known.workers, "threads": threads},
        f"Try {threads} threads per worker: most of the time they wait.",
        f'worker_class = "gthread"\nthreads = {threads}\n',
    )
