"""Read what PostgreSQL knows: tables, statistics, statement counts, settings."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from flask_assay.services.databases import APP_ROLE
from flask_assay.services.psql import SqlError, literal

__all__ = ["Catalog"]

Query = Callable[[str], list[tuple[str, ...]]]

_TABLES = """
SELECT coalesce(json_agg(t), '[]') FROM (
 SELECT n.nspname AS schema, c.relname AS name,
  greatest(c.reltuples, 0)::bigint AS row_count, pg_total_relation_size(c.oid) AS bytes,
  s.seq_scan, s.seq_tup_read, coalesce(s.idx_scan, 0) AS idx_scan,
  s.n_tup_ins, s.n_tup_upd, s.n_tup_del,
  (SELECT json_agg(json_build_object('name', a.attname,
     'type', format_type(a.atttypid, a.atttypmod), 'nullable', NOT a.attnotnull)
     ORDER BY a.attnum)
   FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped) AS columns,
  coalesce((SELECT json_agg(json_build_object('name', ic.relname, 'unique', i.indisunique,
     'partial', i.indpred IS NOT NULL, 'primary', i.indisprimary,
     'bytes', pg_relation_size(ic.oid), 'columns',
     (SELECT json_agg(pg_get_indexdef(i.indexrelid, k, true) ORDER BY k)
      FROM generate_series(1, i.indnkeyatts) k)))
   FROM pg_index i JOIN pg_class ic ON ic.oid = i.indexrelid WHERE i.indrelid = c.oid), '[]')
   AS indexes,
  coalesce((SELECT json_agg(json_build_object('columns',
      (SELECT json_agg(a.attname ORDER BY u.o) FROM unnest(f.conkey) WITH ORDINALITY u(k, o)
       JOIN pg_attribute a ON a.attrelid = f.conrelid AND a.attnum = u.k),
     'table', rc.relname, 'referred_columns',
      (SELECT json_agg(a.attname ORDER BY u.o) FROM unnest(f.confkey) WITH ORDINALITY u(k, o)
       JOIN pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = u.k)))
   FROM pg_constraint f JOIN pg_class rc ON rc.oid = f.confrelid
   WHERE f.conrelid = c.oid AND f.contype = 'f'), '[]') AS foreign_keys
 FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
 JOIN pg_stat_user_tables s ON s.relid = c.oid
 WHERE c.relkind IN ('r', 'p') AND n.nspname <> 'flask_assay'
 ORDER BY 1, 2) t
"""

_COUNTERS = ("seq_scan", "seq_tup_read", "idx_scan", "n_tup_ins", "n_tup_upd", "n_tup_del")

_STATEMENTS = """
SELECT coalesce(json_agg(t), '[]') FROM (
 SELECT s.queryid::text, s.query, s.calls, s.total_exec_time / 1000 AS total_s, s.rows,
  s.shared_blks_hit + s.shared_blks_read AS shared_blocks
 FROM pg_stat_statements s JOIN pg_roles r ON r.oid = s.userid
 JOIN pg_database d ON d.oid = s.dbid
 WHERE r.rolname = %s AND s.toplevel AND d.datname = ANY(%s)
 ORDER BY s.total_exec_time DESC LIMIT 5000) t
"""

_LIVE = """
SELECT json_build_object('connections', count(*),
 'active', count(*) FILTER (WHERE state = 'active'),
 'idle_in_transaction', count(*) FILTER (WHERE state LIKE 'idle in transaction%%'),
 'waiting_locks', count(*) FILTER (WHERE wait_event_type = 'Lock'))
FROM pg_stat_activity WHERE usename = %s
"""

# What drivers look up with cursors of their own when a connection is made (hstore's type): the
# server counts it, no hook on SQLAlchemy sees it.
_DRIVER_SET_UP = ("typarray", "pg_type t")


class Catalog:
    """Questions to one database server.

    Args:
        asks: Per database of the app: runs SQL there with our own role, returns rows of text.
        ask_server: The same in the maintenance database, where pg_stat_statements is.
        role: That the app connects as.
    """

    def __init__(self, asks: Mapping[str, Query], ask_server: Query, role: str = APP_ROLE) -> None:
        self._asks, self._ask_server = asks, ask_server
        self._databases = literal("{" + ",".join(asks) + "}")
        self._role = literal(role)
        self._before: dict[str, dict[str, int]] = {}
        self.uncounted_reason = ""

    def start_counting(self) -> None:
        """Forget the statement counts of the app's databases and note the tables' counters.

        A server that the user gave may lack pg_stat_statements: ``uncounted_reason`` then says so.
        """
        try:
            self._ask_server(
                "SELECT pg_stat_statements_reset(0, oid, 0) FROM pg_database "
                f"WHERE datname = ANY({self._databases})"
            )
        except SqlError as error:
            self.uncounted_reason = error.what.partition(" (database ")[0]
        self._before = {_key(each): each for each in self._tables()}

    def tables(self) -> dict[str, Any]:
        """Return the document ``tables.json``; counters are deltas since ``start_counting``."""
        found = self._tables()
        for each in found:
            before = self._before.get(_key(each), {})
            for name in _COUNTERS:
                each[name] = int(each[name] or 0) - int(before.get(name) or 0)
        return {"tables": found}

    def statements(self) -> dict[str, Any]:
        """Return the document ``statements.json``."""
        asked = _STATEMENTS % (self._role, self._databases)
        found: list[dict[str, Any]] = json.loads(self._ask_server(asked)[0][0])
        set_up = sum(each["calls"] for each in found if _is_set_up(each["query"]))
        return {
            "executions": sum(each["calls"] for each in found),
            "statements": found,
            "unseen_explained": {"driver set-up of new connections": set_up} if set_up else {},
        }

    def live(self) -> dict[str, int]:
        """Return counts of the app's connections by state, now."""
        found: dict[str, int] = json.loads(self._ask_server(_LIVE % self._role)[0][0])
        return found

    def _tables(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for database, ask in self._asks.items():
            found += ({"database": database} | each for each in json.loads(ask(_TABLES)[0][0]))
        return found


def _key(table: Mapping[str, Any]) -> str:
    return f"{table['database']}.{table['schema']}.{table['name']}"


def _is_set_up(query: str) -> bool:
    return any(word in query for word in _DRIVER_SET_UP)
