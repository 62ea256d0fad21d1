"""redundant-index: an index does nothing that another one does not do.

## What it detects
Indexes, not unique, whose columns another index of the table begins with.

## Why it matters
Each insert, and each update of its columns, maintains it; it takes memory from those that are used.

## How it is detected
Columns of the indexes, in their order. Nothing is said of partial ones, of expressions and of
tables below `TABLE_ROWS_MIN` rows.

## Known problems
The narrower index is smaller, and a little faster for scans of many rows. Methods and operator
classes are not told apart: look at the definition before you drop one.

## How to fix
Drop it in a migration.

## References
PostgreSQL documentation, "Multicolumn Indexes".
"""

from collections.abc import Sequence

from flask_assay.artifacts.table_statistics import Index, Table, table_statistics
from flask_assay.artifacts.view import Given
from flask_assay.audits.audit import Meta, State
from flask_assay.model.finding import Evidence, Finding, Remedy, Severity

TABLE_ROWS_MIN = 1_000

META = Meta(
    audit_id="redundant-index",
    title="Every index does something that no other does",
    failure_title="An index repeats the beginning of another",
    needs=(table_statistics,),
    state=State.PREVIEW,
)


def audit(given: Given) -> Sequence[Finding]:
    """Return one finding per index that could go."""
    return [
        _finding(table, index, wider)
        for table in given[table_statistics].values()
        if table.row_count >= TABLE_ROWS_MIN
        for index in table.indexes
        if (wider := _wider(table, index)) is not None
    ]


def _wider(table: Table, index: Index) -> Index | None:
    names = set(index.columns)
    if index.is_unique or index.is_partial or not names or not names <= table.column_names:
        return None
    for other in table.indexes:
        if (
            other.is_partial
            or other.name == index.name
            or other.columns[: len(index.columns)] != index.columns
        ):
            continue
        # Of two equal ones the first by name stays.
        if len(other.columns) > len(index.columns) or other.is_unique or other.name < index.name:
            return other
    return None


def _finding(table: Table, index: Index, wider: Index) -> Finding:
    return Finding(
        audit=META.audit_id,
        key=f"{table.name}.{index.name}",
        severity=Severity.NOTE,
        title=f"{table.name}: index {index.name} repeats the beginning of {wider.name}",
        detail=(
            f"({', '.join(index.columns)}) is how ({', '.join(wider.columns)}) begins, so the "
            "wider one answers the same searches."
        ),
        evidence=(
            Evidence("rows in the table", table.row_count, "rows"),
            Evidence("rows inserted during the load", table.inserted_count, "rows"),
        ),
        remedies=(
            Remedy(
                "drop-index",
                {"table": table.name, "schema": table.schema, "index": index.name},
                f"Drop {index.name}.",
                f'op.drop_index("{index.name}", "{table.name}")\n',
            ),
        ),
    )
