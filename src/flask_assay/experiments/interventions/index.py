"""Build an index on a copy of the database, and price it.

The copy is the run's own, so the real index is built and used by real plans; nothing is
estimated. The price is what rows cost to insert with and without it, and its size.
"""

from collections.abc import Mapping, Sequence
from statistics import median

from flask_assay.errors import AssayError
from flask_assay.gather.lab import Databases, Lab
from flask_assay.model.owned import OwnedDatabase
from flask_assay.services.psql import literal

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
    lab: Lab, databases: Databases, unchanged: Databases | None, parameters: Mapping[str, object]
) -> dict[str, float]:
    """Build the index, refresh statistics, and return its prices.

    Args:
        lab: The run's servers.
        databases: The copy that gets the index.
        unchanged: A copy without it, for the price of writing; None asks for no prices.
        parameters: As for ``statement``.

    Returns:
        "index_bytes", "build_s", and "write_us_per_row_before" and "_after" where rows of the
        table can be copied within a transaction that is rolled back.

    Raises:
        ServiceError: If PostgreSQL refuses the index.
    """
    database = _home(lab, databases, parameters)
    name = f"assay_candidate_{lab.next_number()}"
    build_s = _timed(lab, database, statement(parameters, name))
    lab.postgres.sql(database, f"VACUUM ANALYZE {_table(parameters)}")
    if unchanged is None:
        return {}
    relation = f"{_quoted(str(parameters.get('schema') or 'public'))}.{_quoted(name)}"
    size = lab.postgres.sql(database, f"SELECT pg_relation_size({literal(relation)})")
    prices = {"index_bytes": float(size[-1][0]), "build_s": round(build_s, 4)}
    return prices | _write_costs(lab, _home(lab, unchanged, parameters), database, parameters)


def _home(lab: Lab, databases: Databases, parameters: Mapping[str, object]) -> OwnedDatabase:
    """Return the first of the app's databases that has the table; the main one if none has."""
    if len(databases.all()) == 1:
        return databases.main
    asked = f"SELECT 1 WHERE to_regclass({literal(_table(parameters))}) IS NOT NULL"
    found = (each for each in databases.all() if lab.postgres.sql(each, asked))
    return next(found, databases.main)


def _timed(lab: Lab, database: OwnedDatabase, sql: str) -> float:
    clock = "SELECT extract(epoch FROM clock_timestamp())"
    rows = lab.postgres.sql(database, f"{clock}; {sql}; {clock}")
    return float(rows[-1][0]) - float(rows[0][0])


def _write_costs(
    lab: Lab, before: OwnedDatabase, after: OwnedDatabase, parameters: Mapping[str, object]
) -> dict[str, float]:
    """Return µs per row of writing rows of the table, without and with the index, in turn."""
    sql = _write(_table(parameters))
    without: list[float] = []
    with_index: list[float] = []
    try:
        for _ in range(_REPEATS):
            without.append(_write_us(lab, before, sql))
            with_index.append(_write_us(lab, after, sql))
    except (AssayError, IndexError, ValueError):
        return {}  # generated columns and the like can not be copied back
    finally:
        for each in (before, after):  # what was rolled back would slow down later scans
            lab.postgres.sql(each, f"VACUUM {_table(parameters)}")
    return {
        "write_us_per_row_before": round(median(without), 2),
        "write_us_per_row_after": round(median(with_index), 2),
    }


def _write(table: str) -> str:
    """Return SQL that deletes rows and inserts them again as they were, and takes it all back.

    Triggers and foreign keys are off, as the index is what is priced.
    """
    return (
        "BEGIN; SET LOCAL session_replication_role = replica;"
        f"CREATE TEMP TABLE assay_rows ON COMMIT DROP AS SELECT * FROM {table} "
        f"LIMIT {_PRICED_ROWS};"
        f"DELETE FROM {table} WHERE ctid IN (SELECT ctid FROM {table} LIMIT {_PRICED_ROWS});"
        f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) INSERT INTO {table} "
        "SELECT * FROM assay_rows; ROLLBACK"
    )


def _write_us(lab: Lab, database: OwnedDatabase, sql: str) -> float:
    text = " ".join(row[0] for row in lab.postgres.sql(database, sql) if row)
    milliseconds = float(text.split('"Execution Time":')[1].split()[0])
    return milliseconds * 1000 / _PRICED_ROWS


def _table(parameters: Mapping[str, object]) -> str:
    schema = str(parameters.get("schema") or "public")
    return f"{_quoted(schema)}.{_quoted(str(parameters['table']))}"


def _column(column: str) -> str:
    """Quote a plain column; leave an expression or an operator class as it is."""
    is_plain = column.replace("_", "a").isalnum()
    return _quoted(column) if is_plain else column


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
