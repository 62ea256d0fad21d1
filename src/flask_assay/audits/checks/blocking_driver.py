"""blocking-driver: one query stops every request of its process.

## What it detects
Gunicorn's gevent or eventlet workers with a database driver in C that does not cooperate with them
(`psycopg2`, `MySQLdb`), without `psycogreen`.

## Why it matters
Such a worker serves hundreds of requests with one thread, as long as each of them gives way while
it waits. A driver in C does not: while one waits for the database, all others stand still.

## How it is detected
The worker class and the drivers of the engines as they ran, and the installed distributions.

## Known problems
A hand-written wait callback does the same as `psycogreen` and is not seen.

## How to fix
`psycogreen.gevent.patch_psycopg()` before the first connection, or psycopg 3, or gthread workers.

## References
psycopg, "Support for coroutine libraries".
"""

from collections.abc import Sequence

from flask_assay.artifacts.settings import settings
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

BLOCKING = {"psycopg2", "mysqldb"}
COOPERATIVE = ("gevent", "eventlet")

META = Meta(
    audit_id="blocking-driver",
    title="The database driver gives way",
    failure_title="The database driver blocks the whole process",
    needs=(settings,),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return a finding if the worker class and a driver do not go together."""
    known = given[settings]
    drivers = sorted({one.driver for one in known.engines if one.driver in BLOCKING})
    is_cooperative = any(name in known.worker_class for name in COOPERATIVE)
    if not drivers or not is_cooperative or "psycogreen" in known.distributions:
        return ()
    listed = " and ".join(drivers)
    return (
        Finding(
            audit=META.audit_id,
            key=drivers[0],
            severity=Severity.WARNING,
            title=f"{listed} blocks all requests of a {known.worker_class} worker",
            detail="While one request waits for the database, no other of its process runs.",
            place=known.places.get("worker_class"),
            evidence=(
                Evidence("worker class", known.worker_class),
                Evidence("driver", listed),
            ),
            remedies=(
                Remedy(
                    "cooperative-driver",
                    {"driver": drivers[0]},
                    "Let the driver give way while it waits.",
                    "from psycogreen.gevent import patch_psycopg\n\n\n"
                    "def post_fork(server, worker):\n    patch_psycopg()\n",
                ),
            ),
        ),
    )
