import pytest
from hypothesis import given
from hypothesis import strategies as st

from flask_assay.model.sql_shape import MAX_SHAPE_CHARS, is_counted, sql_shape, statement_verb


@pytest.mark.parametrize(
    ("sql", "shape"),
    [
        ("SELECT a.id \nFROM a \n WHERE a.id = %(id_1)s", "SELECT a.id FROM a WHERE a.id = ?"),
        (
            "SELECT 1 WHERE x = %s AND y = $1 AND z = :z_1",
            "SELECT ? WHERE x = ? AND y = ? AND z = ?",
        ),
        ("SELECT x::int, y::TEXT FROM t1", "SELECT x::int, y::TEXT FROM t1"),
        ("SELECT 'a', 'it''s', E'a\\'b', $$x$$, $q$a$$b$q$", "SELECT ?, ?, ?, ?, ?"),
        (
            "SELECT 1e5, .5, 0x1F, 1_000, -3 FROM t WHERE a = -3",
            "SELECT ?, ?, ?, ?, ? FROM t WHERE a = ?",
        ),
        ('SELECT "a  1", "x\'y" FROM t2', 'SELECT "a  1", "x\'y" FROM t2'),
        ("SELECT 1 -- secret 42\n, 2 /* secret\n 'x' */ FROM t", "SELECT ? , ? FROM t"),
        ("SELECT DATE '2020-01-01', date'2020-01-01'", "SELECT DATE ?, date?"),
        ("x LIKE 'a%%' AND y %% 2 = 0", "x LIKE ? AND y % ? = ?"),
        ("a IN (%(a_1)s, %(a_2)s, %(a_3)s)", "a IN (?)"),
        ("a IN (%(a_1)s::INTEGER, %(a_2)s::INTEGER)", "a IN (?)"),
        ("(a, b) IN ((1, 2), (3, 4))", "(a, b) IN ((?, ?))"),
        ("a IN (NULL) AND (1 != 1)", "a IN (?)"),
        ("a IN (SELECT CAST(NULL AS INTEGER) WHERE 1!=1)", "a IN (?)"),
        ("a = ANY(ARRAY[1, 2, 3])", "a = ANY(ARRAY[?])"),
        ("INSERT INTO t VALUES (1, now()), (2, now())", "INSERT INTO t VALUES (?, now())"),
        ("ROLLBACK TO SAVEPOINT sa_savepoint_12", "ROLLBACK TO SAVEPOINT sa_savepoint_?"),
        ("SELECT 'unterminated 42", "SELECT ?"),
        ("SELECT 1;", "SELECT ?"),
        ("", ""),
    ],
)
def test_values_leave_and_the_shape_stays(sql, shape):
    assert sql_shape(sql) == shape


@pytest.mark.parametrize("n", [2, 3, 50])
def test_the_length_of_a_list_does_not_matter(n):
    one = "SELECT a FROM t WHERE a IN (%(a_0)s) AND b = %(b)s"
    many = one.replace("%(a_0)s", ", ".join(f"%(a_{i})s" for i in range(n)))
    assert sql_shape(many) == sql_shape(one)


@given(st.text(alphabet="'\"$%:-/*\\ \n()[],.?;aE1é_", max_size=60))
def test_a_shape_is_its_own_shape_whatever_the_text(text):
    shape = sql_shape(text)
    assert sql_shape(shape) == shape


@given(st.text(max_size=30), st.integers(), st.floats(allow_nan=False, allow_infinity=False))
def test_no_literal_survives(text, whole, real):
    quoted = text.replace("'", "''")
    shape = sql_shape(f"SELECT * FROM t WHERE a = '{quoted}' AND b = {whole} AND c = {abs(real)!r}")
    assert shape == "SELECT * FROM t WHERE a = ? AND b = ? AND c = ?"


@given(
    st.lists(st.sampled_from([" ", "\n", "\t", "  ", "/* x */ ", "-- y\n"]), min_size=5, max_size=5)
)
def test_white_space_and_comments_do_not_matter(gaps):
    words = ["SELECT", "a", "FROM", "t", "WHERE", "x=?"]
    sql = words[0] + "".join(gap + word for gap, word in zip(gaps, words[1:], strict=True))
    assert sql_shape(sql) == "SELECT a FROM t WHERE x=?"


def test_a_shape_is_bounded():
    assert (
        len(sql_shape("SELECT " + ", ".join(f"column_{i}" for i in range(5000)))) == MAX_SHAPE_CHARS
    )


@pytest.mark.parametrize(
    "sql", ["(" * 50_000, "f(a," * 20_000 + ")" * 20_000, "'" * 50_001, "-" * 9999, "/*" * 9999]
)
def test_hostile_texts_take_linear_time(sql):
    assert len(sql_shape(sql)) <= MAX_SHAPE_CHARS


@pytest.mark.parametrize(
    ("sql", "verb", "counted"),
    [
        ("( select 1)", "SELECT", True),
        ("with a as ()", "WITH", True),
        ("SHOW x", "SHOW", False),
        ("", "", False),
    ],
)
def test_the_verb_says_whether_the_server_counts(sql, verb, counted):
    assert statement_verb(sql) == verb
    assert is_counted(sql) is counted


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("SELECT a FROM t WHERE %(p)s::INTEGER = t.id", "SELECT a FROM t WHERE ? = t.id"),
        ("SELECT a FROM t WHERE id IN (%(p1)s::INTEGER, %(p2)s::INTEGER)",
         "SELECT a FROM t WHERE id IN (?)"),
        ("SELECT a FROM t WHERE n = %(p)s::VARCHAR AND b = 1", "SELECT a FROM t WHERE n = ? AND b = ?"),
        ("SELECT a FROM t WHERE d > %(p)s::TIMESTAMP WITHOUT TIME ZONE LIMIT %(q)s::INTEGER",
         "SELECT a FROM t WHERE d > ? LIMIT ?"),
        ("SELECT %(p)s::NUMERIC(10, 2), %(q)s::INTEGER[], x::text", "SELECT ?, ?, x::text"),
    ],
)  # fmt: skip
def test_types_beside_values_are_left_out(typed, plain):
    assert sql_shape(typed) == plain
    assert sql_shape(plain) == plain
