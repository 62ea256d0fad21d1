"""What the sandbox must know about a template, asked for once."""

import re
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from flask_assay.sandbox.place import SequenceFact, TemplateFacts

__all__ = ["NOT_OURS", "VERSION", "Facts", "from_json", "read_facts", "to_json"]

VERSION = 3
"""Of facts that are kept beside a template; rises whenever their meaning does."""

Query = Callable[[str], Sequence[Sequence[Any]]]

NOT_OURS = (
    "nspname NOT IN ('pg_catalog', 'information_schema', 'flask_assay') AND nspname !~ '^pg_'"
)
_SEQUENCES = f"""
SELECT format('%I.%I', nspname, relname), c.oid::bigint, lower(relname),
  ARRAY(
    SELECT lower(t.relname)::text FROM pg_depend d JOIN pg_class t ON t.oid = d.refobjid
    WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
      AND d.refclassid = 'pg_class'::regclass
    UNION
    SELECT lower(t.relname)::text FROM pg_depend d
    JOIN pg_attrdef a ON d.classid = 'pg_attrdef'::regclass AND a.oid = d.objid
    JOIN pg_class t ON t.oid = a.adrelid
    WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid),
  EXISTS (SELECT FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass
    AND d.refobjid = c.oid AND d.classid <> 'pg_attrdef'::regclass AND d.deptype = 'n')
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind = 'S' AND {NOT_OURS} ORDER BY 1"""
_UNPREDICTABLE = f"""
SELECT DISTINCT lower(relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE {NOT_OURS} AND (
  EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal)
  OR EXISTS (SELECT FROM pg_rewrite WHERE ev_class = c.oid)
  OR EXISTS (SELECT FROM pg_inherits WHERE inhrelid = c.oid AND relkind IN ('r', 'p', 'f'))
  OR EXISTS (SELECT FROM pg_attribute a JOIN pg_type t ON t.oid = atttypid
             WHERE attrelid = c.oid AND typtype = 'd' AND typdefault IS NOT NULL)
  OR EXISTS (
    SELECT FROM pg_depend d JOIN pg_proc p ON p.oid = d.refobjid
    WHERE d.refclassid = 'pg_proc'::regclass
      AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e')
      AND (d.classid, d.objid) IN (
        SELECT 'pg_attrdef'::regclass::oid, oid FROM pg_attrdef WHERE adrelid = c.oid
        UNION
        SELECT 'pg_constraint'::regclass::oid, oid FROM pg_constraint WHERE conrelid = c.oid)))
ORDER BY 1"""
_CONSTRAINTS = f"""
SELECT format('%I.%I', nspname, conname), condeferred
FROM pg_constraint c JOIN pg_namespace n ON n.oid = connamespace
WHERE condeferrable AND {NOT_OURS} ORDER BY 1"""
_TABLES = f"""
SELECT format('%I.%I', nspname, relname), lower(relname),
       EXISTS (SELECT FROM pg_attrdef d WHERE adrelid = c.oid
               AND pg_get_expr(adbin, adrelid) ~* 'now\\(|current_|localtime|transaction_timestamp')
FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('r', 'p') AND {NOT_OURS} ORDER BY 1"""
_VIEWS = f"""
SELECT DISTINCT lower(relname) FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace
WHERE relkind IN ('v', 'm', 'f') AND {NOT_OURS} ORDER BY 1"""
_FUNCTIONS = f"""
SELECT DISTINCT lower(proname) FROM pg_proc p JOIN pg_namespace n ON n.oid = pronamespace
WHERE {NOT_OURS}
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = p.oid AND deptype = 'e') ORDER BY 1"""
_PLAIN = re.compile(r"[a-z_][a-z0-9_$]*$")
_CATALOGS = (
    "pg_class", "pg_attribute", "pg_type", "pg_enum", "pg_proc", "pg_constraint", "pg_trigger",
    "pg_index", "pg_namespace", "pg_policy", "pg_attrdef", "pg_largeobject_metadata",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known about a template.

    Attributes:
        link: What the rollback gear needs.
        fingerprint: One query whose answer changes when rows or the catalog do.
        pristine: Its answer on the template.
        reset: Commands that bring a used clone back, if only unseeded tables changed.
        seeded_fingerprint: Like `fingerprint`, for what `reset` does not touch.
        seeded_pristine: Its answer on the template.
    """

    link: TemplateFacts
    fingerprint: str
    pristine: str
    reset: str
    seeded_fingerprint: str
    seeded_pristine: str


def read_facts(query: Query) -> Facts:
    """Ask a template.

    Args:
        query: Runs one statement on it, as superuser, and returns its rows.
    """
    tables = query(_TABLES)
    constraints = query(_CONSTRAINTS)
    sequences, quick, fully = _sequences(query)
    unpredictable = frozenset(row[0] for row in query(_UNPREDICTABLE))
    if any(not _PLAIN.match(name) for name in unpredictable):
        # No statement's words can show that such a table is used: none can be trusted then.
        unpredictable |= {"insert", "copy", "merge", "default"}
    link = TemplateFacts(
        restore_sequences=quick,
        restore_sequences_fully=fully,
        sequences=sequences,
        unpredictable=unpredictable,
        has_deferrable=bool(constraints),
        initially_deferred=tuple(name for name, deferred in constraints if deferred),
        tables=frozenset(row[1] for row in tables),
        views=frozenset(row[0] for row in query(_VIEWS)),
        functions=frozenset(row[0] for row in query(_FUNCTIONS)),
        clock_tables=frozenset(row[1] for row in tables if row[2]),
    )
    names = [row[0] for row in tables]
    seeded = [name for name in names if query(f"SELECT EXISTS (SELECT FROM {name})")[0][0]]
    everything, rest = _fingerprint(names), _fingerprint(seeded)
    return Facts(
        link=link,
        fingerprint=everything,
        pristine=query(everything)[0][0],
        reset=_reset([name for name in names if name not in seeded], fully),
        seeded_fingerprint=rest,
        seeded_pristine=query(rest)[0][0],
    )


def _sequences(query: Query) -> tuple[tuple[SequenceFact, ...], str, str]:
    """Return all sequences and statements that put them back: a quick one, one that sees all.

    The quick one reads no sequence as a table: planning a hundred of these takes longer than a
    test. It does not see ``setval(…, false)``. A clone has its template's object ids.
    """
    found, values, parts = [], [], []
    for name, number, plain, users, is_hidden in query(_SEQUENCES):
        ((value, is_called),) = query(f"SELECT last_value, is_called FROM {name}")
        words = (plain, *users)
        is_named = not is_hidden and all(_PLAIN.match(word) for word in words)
        found.append(SequenceFact(number, value, is_called, words if is_named else ()))
        called = "true" if is_called else "false"
        values.append(f"({number}, {value}::bigint, {called})")
        parts.append(
            f"SELECT setval({number}::regclass, {value}, {called}) FROM {name} "
            f"WHERE last_value <> {value} OR is_called <> {called}"
        )
    if not parts:
        return (), "", ""
    quick = (
        f"SELECT setval(s::regclass, v, c) FROM (VALUES {', '.join(values)}) AS t (s, v, c) "
        "WHERE pg_sequence_last_value(s::regclass) IS DISTINCT FROM CASE WHEN c THEN v END"
    )
    return tuple(found), quick, " UNION ALL ".join(parts)


def _fingerprint(tables: list[str]) -> str:
    """Return a query for count and newest row version of each table and catalog.

    ANALYZE and VACUUM write in place and do not change it.
    """
    parts = [
        f"(SELECT count(*) || ':' || coalesce(max(xmin::text::bigint), 0) FROM {name})"
        for name in [*_CATALOGS, *tables]
    ]
    return f"SELECT concat_ws(',', {', '.join(parts)})" if len(parts) < 90 else _chunked(parts)


def _chunked(parts: list[str]) -> str:
    """Stay below PostgreSQL's limit of 100 arguments."""
    groups = [
        f"concat_ws(',', {', '.join(parts[start : start + 80])})"
        for start in range(0, len(parts), 80)
    ]
    return f"SELECT concat_ws(';', {', '.join(groups)})"


def _reset(unseeded: list[str], sequences: str) -> str:
    commands = ["SET session_replication_role = replica"]
    commands += [f"DELETE FROM {name}" for name in unseeded]
    commands += ["RESET session_replication_role"]
    if sequences:
        commands.append(sequences)
    return "; ".join(commands)


def to_json(facts: Facts) -> dict[str, Any]:
    """Return facts as JSON-able data."""
    data = asdict(facts)
    data["link"] = {
        name: sorted(value) if isinstance(value, frozenset) else value
        for name, value in data["link"].items()
    }
    return data


def from_json(data: dict[str, Any]) -> Facts:
    """Return the facts that `to_json` described."""
    link = dict(data["link"])
    for name in ("tables", "views", "functions", "clock_tables", "unpredictable"):
        link[name] = frozenset(link[name])
    link["sequences"] = tuple(
        SequenceFact(**{**one, "words": tuple(one["words"])}) for one in link["sequences"]
    )
    link["initially_deferred"] = tuple(link["initially_deferred"])
    return Facts(**{**data, "link": TemplateFacts(**link)})
