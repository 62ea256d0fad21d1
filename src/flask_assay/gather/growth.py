"""Repeat requests on smaller data, and count what PostgreSQL does for them.

The data are seeded anew at a fraction of the scale, so that keys stay valid and fan-outs as they
are. Counts are exact and the same on every machine; no time is taken.
"""

import itertools
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from flask_assay.errors import AssayError
from flask_assay.gather.again import Sender, alone, candidates
from flask_assay.gather.inside.target_plan import PLAN_VARIABLE, TargetPlan
from flask_assay.gather.lab import Copy, Databases, Lab
from flask_assay.gather.told import preparation_error
from flask_assay.load.transcript import Said
from flask_assay.model.clock import Clock
from flask_assay.model.growth import (
    Growth,
    GrowthPoint,
    GrowthSize,
    RouteGrowth,
    StatementGrowth,
)
from flask_assay.model.sql_shape import sql_shape
from flask_assay.probe.plan import ProbePlan
from flask_assay.recording.directory import EVENTS, append_line, write_document
from flask_assay.recording.reader import Recording
from flask_assay.services.psql import literal
from flask_assay.services.supervisor import ManagedProcess
from flask_assay.services.valkey import provision_valkey
from flask_assay.services.waiting import WaitTimeoutError

__all__ = ["Seeding", "measure_growth", "start_seeding"]

FRACTIONS = (0.25, 0.5)
REQUESTS_PER_ROUTE = 3
MOST_TRIES = 24  # per route: most keys of the full data are missing in a quarter of it
BUDGET_S = 8.0  # for each size
PREPARE_S = 60.0
STATEMENTS_KEPT = 3  # per route
_SAFE = ("GET ", "HEAD ")

_SIZE = """
SELECT coalesce(sum(greatest(c.reltuples, 0)), 0)::bigint,
 coalesce(sum(pg_total_relation_size(c.oid)), 0)
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p')
 AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'flask_assay')
"""
_COUNTS = """
SELECT coalesce(json_agg(t), '[]') FROM (
 SELECT s.queryid::text AS id, s.query, s.calls, s.rows,
  s.shared_blks_hit + s.shared_blks_read AS blocks
 FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
 JOIN pg_database d ON d.oid = s.dbid
 WHERE r.rolname = %s AND s.toplevel AND d.datname = %s) t
"""


@dataclass(frozen=True, slots=True)
class _Counted:
    """What one route did at one size, per request."""

    point: GrowthPoint
    statements: Mapping[str, tuple[float, float]]  # shape → rows, blocks


@dataclass(frozen=True, slots=True)
class Seeding:
    """Smaller data under way: what becomes a copy, and the process that fills it."""

    copy: Copy
    process: ManagedProcess
    plan: TargetPlan


def start_seeding(lab: Lab) -> list[Seeding]:
    """Begin to seed the smaller data, all at the same time; none where growth is not measured.

    Left out for a server that the user gave, and for apps with more than one database.
    """
    assert lab.databases is not None
    if lab.is_external or len(lab.databases.all()) > 1:
        return []
    try:
        return [_start(lab, fraction) for fraction in FRACTIONS]
    except AssayError as error:
        _tell(lab, error)
        return []


def measure_growth(lab: Lab, seedings: Sequence[Seeding], clock: Clock) -> None:
    """Write the document ``growth.json``; what goes wrong costs it and nothing else.

    Args:
        lab: Of a run whose load is over; no target is connected.
        seedings: Smallest first.
        clock: Source of time.
    """
    every = candidates(lab.run.private, Recording(lab.recording))
    wanted = {route: said for route, said in every.items() if route.startswith(_SAFE)}
    if not wanted or not seedings:
        return
    try:
        found = _measure(lab, seedings, wanted, clock)
    except Exception as error:  # noqa: BLE001 - what was measured is worth more than this
        _tell(lab, error)
    else:
        write_document(lab.recording, "growth", asdict(found))


def _tell(lab: Lab, error: Exception) -> None:
    text = f"How routes grow with the data was not measured: {type(error).__name__}: {error}"
    append_line(lab.recording, EVENTS, {"event": "incident", "kind": "growth", "text": text})


def _measure(
    lab: Lab, seedings: Sequence[Seeding], wanted: Mapping[str, Sequence[Said]], clock: Clock
) -> Growth:
    scale = lab.settings.number("scale")
    sizes: list[GrowthSize] = []
    counted: list[dict[str, _Counted]] = []
    asked: Mapping[str, Sequence[Said]] = wanted
    for copy, fraction in zip(_copies(lab, seedings), (*FRACTIONS, 1.0), strict=True):
        try:
            lab.postgres.sql(copy.databases.main, "VACUUM (ANALYZE)")
            rows, size = lab.postgres.sql(copy.databases.main, _SIZE)[0]
            sizes.append(GrowthSize(scale * fraction, int(rows), int(size)))
            most = REQUESTS_PER_ROUTE if counted else MOST_TRIES
            found, asked = _count(lab, copy, asked, sizes[-1].scale, (most, clock))
            counted.append(found)
        finally:
            lab.discard(copy)
    routes = [route for route in counted[0] if all(route in each for each in counted)]
    return Growth(
        tuple(sizes),
        tuple(_route(route, [each[route] for each in counted]) for route in routes),
        tuple(route for route in wanted if route not in routes),
    )


def _route(route: str, counted: Sequence[_Counted]) -> RouteGrowth:
    largest = counted[-1].statements
    kept = sorted(largest, key=lambda shape: -largest[shape][1])[:STATEMENTS_KEPT]
    none = (0.0, 0.0)
    statements = tuple(
        StatementGrowth(
            shape,
            tuple(each.statements.get(shape, none)[0] for each in counted),
            tuple(each.statements.get(shape, none)[1] for each in counted),
        )
        for shape in kept
    )
    return RouteGrowth(route, tuple(each.point for each in counted), statements)


def _copies(lab: Lab, seedings: Sequence[Seeding]) -> Iterator[Copy]:
    """Yield the app's data at each fraction, smallest first, then as they are."""
    for each in seedings:
        try:
            code = each.process.wait(timeout_s=PREPARE_S)
        except WaitTimeoutError:
            raise AssayError("it takes too long to seed smaller data") from None
        if code != 0:
            log = each.process.log_path.read_text(errors="replace")
            raise preparation_error(each.plan, log, code)
        yield each.copy
    yield lab.copy("growth")


def _start(lab: Lab, fraction: float) -> Seeding:
    name = f"growth-{fraction * 100:.0f}"
    directory = lab.run.private / name
    directory.mkdir()
    database = lab.create_database(name.replace("-", "_"))
    copy = Copy(Databases(database), provision_valkey(lab.supervisor))
    plan = replace(
        lab.plan(lab.route(copy), directory),
        scale=lab.settings.number("scale") * fraction,
        private=str(directory),
    )
    process = lab.supervisor.start(
        f"prepare-{name}",
        [sys.executable, "-m", "flask_assay.gather.inside.prepare"],
        env=lab.environment({PLAN_VARIABLE: str(plan.write(directory / "plan.json"))}),
        cwd=Path.cwd(),
    )
    return Seeding(copy, process, plan)


def _count(
    lab: Lab,
    copy: Copy,
    wanted: Mapping[str, Sequence[Said]],
    scale: float,
    limits: tuple[int, Clock],
) -> tuple[dict[str, _Counted], dict[str, list[Said]]]:
    """Return what each route did, and the requests that were answered as in the load."""
    most_tries, clock = limits
    name = copy.databases.main.name
    probe = ProbePlan(Path(), Path.cwd(), sensors=("requests",))
    found: dict[str, _Counted] = {}
    answered: dict[str, list[Said]] = {}
    with alone(lab, copy, f"growth-{scale:g}-target", probe) as (sender, _):
        end = clock.monotonic_ns() + int(BUDGET_S * 1e9)
        for route, requests in wanted.items():
            if clock.monotonic_ns() >= end:
                break
            good = _answered(sender, requests[:most_tries])
            if len(good) == min(REQUESTS_PER_ROUTE, len(requests)):
                answered[route] = good
        before = _counts(lab, name)
        for route, good in answered.items():
            sizes = [sender.send(said)[1] for said in good]
            after = _counts(lab, name)
            found[route] = _difference(before, after, (scale, len(good), sum(sizes) / len(good)))
            before = after
    return found, answered


def _answered(sender: Sender, requests: Sequence[Said]) -> list[Said]:
    """Return so many requests as are enough, that are answered as in the load."""
    tries = filter(sender.may_succeed, requests)
    same = (said for said in tries if sender.send(said)[0] // 100 == said.status // 100)
    return list(itertools.islice(same, REQUESTS_PER_ROUTE))


_Counts = dict[str, tuple[str, int, int, int]]


def _counts(lab: Lab, database: str) -> _Counts:
    asked = _COUNTS % (literal(lab.role), literal(database))
    found: list[dict[str, Any]] = json.loads(lab.postgres.sql(None, asked)[0][0])
    return {one["id"]: (one["query"], one["calls"], one["rows"], one["blocks"]) for one in found}


def _difference(before: _Counts, after: _Counts, about: tuple[float, int, float]) -> _Counted:
    scale, requests, body_bytes = about
    calls = rows = blocks = 0
    statements: dict[str, tuple[float, float]] = {}
    for key, (query, *now) in after.items():
        then = before.get(key, ("", 0, 0, 0))[1:]
        done, sent, visited = (new - old for new, old in zip(now, then, strict=True))
        calls, rows, blocks = calls + done, rows + sent, blocks + visited
        if done:
            shape = sql_shape(query)
            known = statements.get(shape, (0.0, 0.0))
            statements[shape] = (known[0] + sent / requests, known[1] + visited / requests)
    point = GrowthPoint(
        scale=scale,
        request_count=requests,
        statement_count=calls / requests,
        row_count=rows / requests,
        block_count=blocks / requests,
        body_bytes=body_bytes,
    )
    return _Counted(point, statements)
