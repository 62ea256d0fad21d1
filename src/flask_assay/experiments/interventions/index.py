"""Build an index on a copy of the database, and price it.

The copy is the run's own, so the real index is built and used by real plans; nothing is
estimated. The price is what rows cost to insert with and without it, and its size.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from flask_assay.errors import AssayError
from flask_assay.gather.lab import Databases, Lab
from flask_assay.model.owned import OwnedDatabase

__all__ = ["change_database", "statement"]

_PRICED_ROWS = 500
_REPEATS = 7


def statement(parameters: Mapping[str, object], name: str = "assay_candidate") -> str:
    """Return the DDL of a candidate.

    Args:
        parameters: "table", "columns" and, optionally, "schema" and "method".
        name: Name of the index.
    """
    columns = parameters["columns"]
    assert isinstance(columns, Sequence)
    listed = ", ".join(_column(str(each)) for each in columns)
    method = str(parameters.get("method") or "btree")
    return f"CREATE INDEX {_quoted(name)} ON {_table(parameters)} USING {method} ({listed})"


def change_database(
    lab: Lab, databases: Databases, parameters: Mapping[str, object]
) -> dict[str, float]:
    """Build the index, refresh statistics, and return its prices.

    Returns:
        "index_bytes", "build_s", and "write_us_per_row_before" / "_after" where rows of the
        table can be copied within a transaction that is rolled back.

    Raises:
        ServiceError: If PostgreSQL refuses the index.
    """
    database = databases.main
    before = _write_cost(lab, database, parameters)
    started = _clock(lab, database)
    lab.postgres.sql(database, statement(parameters))
    build_s = _clock(lab, database) - started
    lab.postgres.sql(database, f"VACUUM ANALYZE {_table(parameters)}")
    after = _write_cost(lab, database, parameters)
    size = lab.postgres.sql(database, "SELECT pg_relation_size('assay_candidate')")
    prices = {"index_bytes": float(size[-1][0]), "build_s": round(build_s, 4)}
    if before is not None and after is not None:
        prices |= {"write_us_per_row_before": before, "write_us_per_row_after": after}
    return prices


def _clock(lab: Lab, database: OwnedDatabase) -> float:
    return float(lab.postgres.sql(database, "SELECT extract(epoch FROM clock_timestamp())")[-1][0])


def _write_cost(
    lab: Lab, database: OwnedDatabase, parameters: Mapping[str, object]
) -> float | None:
    """Return µs per row of rewriting rows of the table, median of several rolled-back runs.

    Rows are deleted and inserted again as they were, so that every constraint still holds;
    triggers and foreign keys are off, as the index is what is priced.
    """
    table = _table(parameters)
    sql = (
        "BEGIN; SET LOCAL session_replication_role = replica;"
        f"CREATE TEMP TABLE assay_rows ON COMMIT DROP AS SELECT * FROM {table} "
        f"LIMIT {_PRICED_ROWS};"
        f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} LIMIT {_PRICED_ROWS});"
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) INSERT INTO {table} "
        "SELECT * FROM assay_rows; ROLLBACK"
    )
    times: list[float] = []
    try:
        for _ in range(_REPEATS):
            text = " ".join(row[0] for row in lab.postgres.sql(database, sql) if row)
            milliseconds = float(text.split('"Execution Time":')[1].split("\n")[0].split()[0])
            times.append(milliseconds * 1000 / _PRICED_ROWS)
    except (AssayError, IndexError, ValueError):
        return None  # generated columns and the like can not be copied back
    return round(median(times), 2)


def _table(parameters: Mapping[str, object]) -> str:
    schema = str(parameters.get("schema") or "public")
    return f"{_quoted(schema)}.{_quoted(str(parameters['table']))}"


def _column(column: str) -> str:
    """Quote a plain column; leave an expression or an operator class as it is."""
    is_plain = column.replace("_", "a").isalnum()
    return _quoted(column) if is_plain else column


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
