"""missing-index: the database reads many rows to hand on few, for want of an index.

## What it detects
Scans of tables with at least `TABLE_ROWS_MIN` rows that keep less than `KEPT_RATIO` of what they
read: by a filter, by a join that few rows survive, or by a sort of which a LIMIT takes the top;
also an index that serves one column of a condition while the others are checked row by row.

## Why it matters
The time of such a statement grows with the table, whatever it returns, and it holds a
connection and a core of the database server meanwhile.

## How it is detected
From `EXPLAIN (ANALYZE, BUFFERS)` with real parameters: rows removed against rows kept. Columns
are taken from either side of `=`, from join conditions, then one range or the sort columns. A
candidate that an existing index has as its beginning is dropped; of two candidates one of which
begins the other, the wider one stays. A scan in the order of an index that a LIMIT ends after less
than `KEPT_RATIO` of the table is left alone.

## Known problems
A plan is that of the recorded data: other data may be scanned for good reasons. A plan is a
hypothesis, too: whether the index helps the request is shown by an experiment only. Conditions
on expressions, patterns and OR are left alone.

## How to fix
Create the index in a migration, on large tables with `postgresql_concurrently=True`.

## References
PostgreSQL, "Using EXPLAIN", "Multicolumn Indexes".
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from flask_assay.artifacts.call_sites import call_sites
from flask_assay.artifacts.counted_requests import CountedRequests, counted_requests
from flask_assay.artifacts.places import most_frequent, place_of
from flask_assay.artifacts.query_plans import Scan, query_plans
from flask_assay.artifacts.statement_shapes import StatementShape, statement_shapes
from flask_assay.artifacts.table_statistics import Table, table_statistics
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta
from flask_assay.audits.weighing import name_routes, severity_of
from flask_assay.model.finding import Evidence, Finding, Remedy

TABLE_ROWS_MIN = 1_000  # the planner is right to scan smaller tables
KEPT_RATIO = 0.1  # of the rows read; an index on a column that keeps more is rarely used
WASTED_ROWS_MIN = 500  # per execution
SORTED_ROWS_MIN = 5_000  # sorting fewer for the top of them takes less than a millisecond
COLUMNS_MAX = 4
WRITES_PER_READ_MAX = 10  # rows written per execution that would profit

_Columns = tuple[tuple[str, ...], int]  # and how many of the first may stand in any order
_NONE: _Columns = ((), 0)

META = Meta(
    audit_id="missing-index",
    title="Statements read about as many rows as they need",
    failure_title="Statements read many rows to find few",
    needs=(counted_requests, statement_shapes, query_plans, table_statistics, call_sites),
)


@dataclass(slots=True)
class _Candidate:
    """An index that some scans ask for.

    Attributes:
        table: It is on.
        columns: In order.
        free_count: How many of the first are compared for equality, so that any order does.
        pinned_count: How many of the first stand where they stand for another search.
        wants: Statements, their scans, and the share of the statement's plans.
    """

    table: Table
    columns: tuple[str, ...]
    free_count: int
    pinned_count: int = 0
    wants: list[tuple[StatementShape, Scan, float]] = field(default_factory=list)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per candidate index."""
    tables, shapes = given[table_statistics], given[statement_shapes]
    found: dict[tuple[str, tuple[str, ...]], _Candidate] = {}
    for statement, plans in given[query_plans].items():
        shape = shapes.get(statement)
        for plan in plans if shape is not None else ():
            for scan in plan.scans:
                table = tables.get(scan.table)
                columns, free = _columns(scan, table) if table is not None else _NONE
                if columns and table is not None and shape is not None:
                    new = _Candidate(table, columns, min(free, len(columns)))
                    entry = found.setdefault((table.name, columns), new)
                    entry.wants.append((shape, scan, 1 / len(plans)))
    counted = given[counted_requests]
    kept = [one for one in _widest(list(found.values())) if _is_worth_its_writes(one)]
    return [_finding(one, counted) for one in kept]


def _columns(scan: Scan, table: Table) -> _Columns:
    """Return the columns of the index that a scan asks for, none if it asks for none."""
    if max(table.row_count, scan.rows_read / max(1, scan.loops)) < TABLE_ROWS_MIN:
        return _NONE
    if _ends_early(scan, table):
        return _NONE
    for columns, free in (_for_filter(scan), _for_join(scan), _for_top(scan)):
        wanted = tuple(dict.fromkeys(columns))[:COLUMNS_MAX]
        if wanted and set(wanted) <= table.column_names and not table.has_index_on(wanted):
            return wanted, free
    return _NONE


def _ends_early(scan: Scan, table: Table) -> bool:
    """Whether an index gives the order, and a LIMIT is reached after a small part of the rows."""
    is_in_order = scan.node_type.startswith("Index") and not scan.indexed_columns
    is_cut = scan.limit_rows is not None and scan.rows_read <= KEPT_RATIO * table.row_count
    return is_in_order and not scan.indexed_ranges and is_cut


def _for_filter(scan: Scan) -> _Columns:
    """Return columns for a filter that throws most rows away."""
    if scan.rows_removed < WASTED_ROWS_MIN or scan.rows_kept > KEPT_RATIO * scan.rows_read:
        return _NONE
    if not scan.equal_columns and not scan.range_columns:
        return _NONE
    if (scan.indexed_columns or scan.indexed_ranges) and not scan.equal_columns:
        return _NONE
    equal = tuple(dict.fromkeys((*scan.indexed_columns, *scan.equal_columns)))
    last = (scan.range_columns or scan.indexed_ranges)[:1] or scan.sort_columns
    return (*equal, *last), len(equal)


def _for_join(scan: Scan) -> _Columns:
    """Return columns for a table that is read whole to be joined with few rows."""
    if scan.node_type != "Seq Scan" or scan.joined_rows is None or not scan.join_columns:
        return _NONE
    wasted = scan.rows_kept - scan.joined_rows  # what the filter removed, the join did not
    if wasted < WASTED_ROWS_MIN or scan.joined_rows > KEPT_RATIO * scan.rows_kept:
        return _NONE
    equal = tuple(dict.fromkeys((*scan.join_columns, *scan.equal_columns)))
    return equal, len(equal)


def _for_top(scan: Scan) -> _Columns:
    """Return columns for a sort of which only the top is taken."""
    if scan.node_type != "Seq Scan" or not scan.sort_columns or scan.limit_rows is None:
        return _NONE
    if scan.joined_rows is not None or scan.range_columns:
        return _NONE
    wasted = scan.rows_read - scan.limit_rows
    if wasted < SORTED_ROWS_MIN or scan.limit_rows > KEPT_RATIO * scan.rows_read:
        return _NONE
    return (*scan.equal_columns, *scan.sort_columns), len(scan.equal_columns)


def _widest(candidates: list[_Candidate]) -> list[_Candidate]:
    """Let a wider index take over what a narrower one with the same beginning was for."""
    kept: list[_Candidate] = []
    for one in sorted(candidates, key=lambda c: (-len(c.columns), c.table.name, c.columns)):
        wider = next((k for k in kept if _serves(k, one)), None)
        if wider is None:
            kept.append(one)
        else:
            wider.wants.extend(one.wants)
    return kept


def _serves(wide: _Candidate, narrow: _Candidate) -> bool:
    """Whether one index does for both, if need be with its equality columns in another order."""
    count = len(narrow.columns)
    if wide.table.name != narrow.table.name:
        return False
    if wide.columns[:count] != narrow.columns:
        is_free = wide.pinned_count == 0 and narrow.free_count == count
        if not is_free or not set(narrow.columns) <= set(wide.columns[: wide.free_count]):
            return False
        others = (column for column in wide.columns if column not in narrow.columns)
        wide.columns = (*narrow.columns, *others)
    wide.pinned_count = max(wide.pinned_count, count)
    return True


def _is_worth_its_writes(one: _Candidate) -> bool:
    written = one.table.inserted_count + one.table.updated_count + one.table.deleted_count
    reads = sum(shape.execution_count for shape, _, _ in one.wants)
    return written <= WRITES_PER_READ_MAX * max(1, reads)


def _finding(one: _Candidate, counted: CountedRequests) -> Finding:
    costs: dict[str, float] = {}
    for shape, scan, weight in one.wants:
        kept = scan.rows_kept if scan.joined_rows is None else min(scan.rows_kept, scan.joined_rows)
        wasted = scan.time_ratio * weight * (1 - kept / max(1.0, scan.rows_read))
        for route, wall_ns in shape.route_wall_ns.items():
            costs[route] = costs.get(route, 0.0) + wall_ns / 1e9 * wasted
    costs = dict(sorted(costs.items(), key=lambda item: -item[1]))
    shape, scan, _ = max(one.wants, key=lambda want: want[0].wall_ns * want[1].time_ratio)
    executions = sum({id(s): s.execution_count for s, _, _ in one.wants}.values())
    listed = ", ".join(one.columns)
    return Finding(
        audit=META.audit_id,
        key=f"{one.table.name}({listed})",
        severity=severity_of(costs, counted),
        title=(
            f"{name_routes(tuple(costs))}: {one.table.name} is searched by {listed} "
            "without an index"
        ),
        routes=tuple(costs),
        detail=_detail(scan),
        place=place_of(most_frequent(shape.sites)),
        cost_s=sum(costs.values()),
        cost_per_request_s=sum(costs.values())
        / max(1, sum(len(counted.by_route.get(route, ())) for route in costs)),
        evidence=(
            Evidence("rows read per execution", scan.rows_read, "rows", n=len(one.wants)),
            Evidence("rows of these needed", _needed(scan), "rows", n=len(one.wants)),
            Evidence("rows in the table", one.table.row_count, "rows"),
            Evidence("executions", executions, "queries"),
        ),
        sql=shape.statement,
        further_sql=tuple(sorted({s.statement for s, _, _ in one.wants} - {shape.statement})),
        statement_id=shape.statement_id,
        remedies=(_remedy(one),),
    )


def _needed(scan: Scan) -> float:
    bounds = (scan.rows_kept, scan.joined_rows, scan.limit_rows)
    return min(bound for bound in bounds if bound is not None)


def _detail(scan: Scan) -> str:
    how = f"{scan.node_type} on {scan.table}"
    if scan.loops > 1:
        how += f", {scan.loops:,.0f} times per execution"
    return f"{how}: {scan.rows_read:,.0f} rows are read and {_needed(scan):,.0f} are needed."


def _remedy(one: _Candidate) -> Remedy:
    name = f"ix_{one.table.name}_{'_'.join(one.columns)}"[:63]
    schema = "" if one.table.schema == "public" else f', schema="{one.table.schema}"'
    listed = "[" + ", ".join(f'"{column}"' for column in one.columns) + "]"
    return Remedy(
        "index",
        {
            "table": one.table.name,
            "schema": one.table.schema,
            "columns": list(one.columns),
            "method": "btree",
        },
        f"Create an index on {one.table.name} ({', '.join(one.columns)}).",
        f'from alembic import op\n\n\ndef upgrade():\n    op.create_index("{name}", '
        f'"{one.table.name}", {listed}{schema})\n\n\ndef downgrade():\n'
        f'    op.drop_index("{name}", "{one.table.name}"{schema})\n',
    )
