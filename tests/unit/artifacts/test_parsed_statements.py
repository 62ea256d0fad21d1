import pytest
from tests.recordings.scenarios import table

from flask_assay.artifacts.parsed_statements import parse_sql
from flask_assay.artifacts.table_statistics import tables_of

TABLES = {
    one.name: one
    for one in tables_of(
        {"tables": [table("a", 10, columns=("id", "x")), table("b", 10, columns=("id", "y"))]}
    )
}


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a.id FROM a, b WHERE a.x = ?",
        "SELECT a.id FROM a CROSS JOIN b",
        "SELECT a.id FROM a JOIN b ON ?",
        "SELECT count(*) FROM (SELECT a.id FROM a, b) AS anon_1",
        "SELECT x FROM a, b WHERE y > ?",
        "SELECT a.id FROM a, b, c WHERE b.id = c.b_id",
        "SELECT a.id FROM a LEFT OUTER JOIN b AS b_1 ON b_1.id = a.x, b",
        "SELECT a.id FROM a LEFT OUTER JOIN (c AS c_1 JOIN b AS b_1 ON b_1.id = c_1.b) ON c_1.a = a.id, d",
    ],
)
def test_sources_without_a_join_are_found(sql):
    assert parse_sql(sql, TABLES).unjoined


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT a.id FROM a JOIN b ON a.id = b.a_id",
        "SELECT a.id FROM a, b WHERE ? = a.x AND b.y = a.x",
        "SELECT a.id FROM a LEFT OUTER JOIN b USING (id)",
        "SELECT a.id FROM a NATURAL JOIN b",
        "SELECT a.id FROM a, LATERAL (SELECT b.id FROM b WHERE b.y = a.x) AS q",
        "SELECT a.id FROM a CROSS JOIN LATERAL (SELECT b.id FROM b LIMIT ?) AS q",
        "SELECT a.id FROM a CROSS JOIN generate_series(?, ?) AS g",
        "SELECT a.id FROM a, unnest(?) AS u",
        "SELECT a.id FROM a, (SELECT count(*) AS n FROM b) AS t",
        "SELECT a.id FROM a, b WHERE a.id = ? AND b.y > ?",
        "SELECT a.id FROM a, b WHERE EXISTS (SELECT 1 FROM d WHERE d.a = a.id AND d.b = b.id)",
        "SELECT x FROM a, b WHERE z > ?",
        "SELECT a.id FROM a, b WHERE a.x = b.y OR a.id = b.id",
        "SELECT EXISTS (SELECT 1 FROM a WHERE a.x = ?) AS anon_1",
        "INSERT INTO a (x) VALUES (?) RETURNING a.id",
        # what a joined eager load of a many-to-many relationship sends
        (
            "SELECT a.id FROM a LEFT OUTER JOIN (c AS c_1 JOIN b AS b_1 ON b_1.id = c_1.b) ON c_1.a = a.id"
            " LEFT OUTER JOIN d AS d_1 ON d_1.id = b_1.d_id"
        ),
    ],
)
def test_sources_that_are_joined_or_one_row_are_left_alone(sql):
    assert not parse_sql(sql, TABLES).unjoined


@pytest.mark.parametrize(
    ("sql", "facts"),
    [
        ("SELECT a.id FROM a WHERE ? = a.x AND a.id > ?", {"equal_columns": {"x"}, "has_where": True}),
        ("SELECT a.id FROM a LIMIT ? OFFSET ?", {"has_limit": True}),
        ("SELECT a.id FROM a FETCH FIRST ? ROWS ONLY", {"has_limit": True}),
        ("SELECT a.id FROM a ORDER BY a.id", {"has_limit": False}),
        ("SELECT count(*) AS n FROM (SELECT a.id FROM a WHERE a.x = ?) AS anon_1", {"is_count": True, "has_where": True, "main_tables": ("a",)}),
        ("SELECT count(*) FROM a GROUP BY a.x", {"is_count": False, "is_aggregate": True}),
        ("SELECT coalesce(sum(a.x), ?) FROM a", {"is_aggregate": True}),
        ("SELECT row_number() OVER (ORDER BY a.x) FROM a", {"is_aggregate": False}),
        ("SELECT a.id FROM a FOR UPDATE", {"is_locking": True}),
        ("SELECT a.id FROM a UNION SELECT b.id FROM b LIMIT ?", {"kind": "select", "has_limit": True}),
        ("SELECT a.id FROM a LEFT JOIN b ON b.id = a.x JOIN c ON c.a = a.id", {"main_tables": ("a", "c")}),
        ("SELECT q.id FROM (SELECT a.id FROM a LIMIT ?) AS q LEFT JOIN b ON b.id = q.x", {"main_tables": ("a",), "limits_unordered": True}),
        ("UPDATE a SET x = ? WHERE a.id = ?", {"kind": "update", "tables": ("a",)}),
        ("DELETE FROM a WHERE a.id = ?", {"kind": "delete"}),
        ("WITH d AS (DELETE FROM a RETURNING a.id) SELECT d.id FROM d", {"kind": "insert"}),
    ],
)  # fmt: skip
def test_a_statement_is_read(sql, facts):
    parsed = parse_sql(sql, TABLES)
    for name, expected in facts.items():
        assert getattr(parsed, name) == expected, name


@pytest.mark.parametrize("sql", ["SELEC nonsense ((", "", "SELECT " + "a," * 20_000 + "a FROM a"])
def test_what_cannot_be_read_is_left_out(sql):
    assert parse_sql(sql, TABLES) is None


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT o.id FROM orders o LIMIT ?", True),
        ("SELECT o.id FROM orders o FETCH FIRST ? ROWS ONLY", True),
        ("SELECT o.id FROM orders o OFFSET ?", True),
        ("SELECT o.id FROM orders o LIMIT ALL OFFSET ?", False),
        ("SELECT o.id FROM orders o ORDER BY o.id LIMIT ?", False),
        ("SELECT a.id FROM (SELECT o.id FROM orders o LIMIT ?) AS a JOIN customers c ON c.id = a.id",
         True),
        ("SELECT a.id FROM (SELECT o.id FROM orders o ORDER BY o.id LIMIT ?) AS a", False),
        # what .first() sends for a row with joined children
        (("SELECT q.id FROM (SELECT a.id, a.x FROM a WHERE a.id = ? AND a.x = ? LIMIT ?) AS q "
         "LEFT OUTER JOIN b ON b.y = q.x"), False),
        (("SELECT q.id FROM (SELECT a.id, a.x FROM a WHERE a.x = ? LIMIT ?) AS q "
         "LEFT OUTER JOIN b ON b.y = q.x"), True),
        ("SELECT o.id FROM orders o WHERE EXISTS (SELECT 1 FROM customers LIMIT ?)", False),
        ("SELECT (SELECT c.id FROM customers c LIMIT ?) FROM orders o", False),
    ],
)  # fmt: skip
def test_rows_cut_off_in_no_order(sql, expected):
    assert parse_sql(sql, TABLES).limits_unordered is expected
