import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import surroundings, table

from flask_assay.artifacts.query_plans import query_plans
from flask_assay.artifacts.view import UnavailableError, View
from flask_assay.diagnosis import diagnose


def scan(relation="orders", alias="o", node="Seq Scan", rows=5, time=8.0, loops=1, **more):
    return {
        "Node Type": node, "Relation Name": relation, "Alias": alias, "Actual Rows": rows,
        "Actual Loops": loops, "Actual Total Time": time, **more,
    }  # fmt: skip


def node(kind, *plans, rows=5, time=9.0, **more):
    return {
        "Node Type": kind,
        "Actual Rows": rows,
        "Actual Loops": 1,
        "Actual Total Time": time,
        "Plans": list(plans),
        **more,
    }


def view_of(path, tree, sql="SELECT o.id FROM orders o WHERE o.customer_id = ?"):
    build = RecordingBuilder(path)
    surroundings(build)
    build.document("tables", {"tables": [
        table("orders", 50_000, columns=("id", "customer_id", "status", "created_at", "email"), indexes=[("status",)]),
        table("lines", 90_000, columns=("id", "order_id", "product_id")),
        table("tiny", 300, columns=("id", "code")),
    ]})  # fmt: skip
    for number in range(40):
        with build.request("GET /orders") as request:
            request.query(sql, rows=5, digest=number + 1, ms=9)
            request.work(1)
    build.document("plans", {"plans": [{"statement": sql, "tree": tree, "text": ["plan"], "n": 1}]})
    return View(build.write())


def candidate(path, tree, sql="SELECT o.id FROM orders o WHERE o.customer_id = ?"):
    view = view_of(path, tree, sql)
    found = [f for f in diagnose(view.recording).findings if f.audit == "missing-index"]
    return [
        (f.remedies[0].parameters["table"], tuple(f.remedies[0].parameters["columns"]))
        for f in found
    ]


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ("(customer_id = ?)", ("customer_id",)),
        ("(? = customer_id)", ("customer_id",)),
        ("((NOT is_done) AND (? = customer_id))", ("customer_id",)),
        ("(customer_id = 5)", ("customer_id",)),
        ("((email)::text = ?)", ("email",)),
        ("((email)::text = 'x'::text)", ("email",)),
        ("((email)::bpchar = ?)", ("email",)),
        ("((email)::character varying(20) = ?)", ("email",)),
        ("((created_at > ?) AND (customer_id = ?))", ("customer_id", "created_at")),
        ("(customer_id = ANY (?))", ("customer_id",)),
        ("(o.customer_id = $0)", ("customer_id",)),
        (
            "((NOT done) AND ((email IS NULL) OR (email < ?)) AND (customer_id = ?))",
            ("customer_id",),
        ),
        ("((email IS NOT NULL) AND (customer_id = ?))", ("customer_id",)),
    ],
)
def test_columns_are_read_from_either_side_of_a_filter(tmp_path, condition, columns):
    tree = scan(Filter=condition, **{"Rows Removed by Filter": 49_995})
    assert candidate(tmp_path, tree) == [("orders", columns)]


@pytest.mark.parametrize(
    "condition",
    [
        "(lower((email)::text) = ?)",
        "((customer_id = ?) OR (email = ?))",
        "((email)::text ~~ ?)",
        "((created_at)::date = '2026-11-20'::date)",
        "((created_at)::timestamp without time zone = ?)",
        "((customer_id)::double precision > ?)",
        "(? = (created_at)::date)",
        "(customer_id <> ?)",
        "(NOT archived)",
        "(status = ?)",
    ],
)
def test_what_no_plain_new_index_serves_is_left_alone(tmp_path, condition):
    tree = scan(Filter=condition, **{"Rows Removed by Filter": 49_995})
    assert candidate(tmp_path, tree) == []


def test_a_small_table_is_left_alone(tmp_path):
    tree = scan("tiny", "t", Filter="(code = ?)", **{"Rows Removed by Filter": 299})
    assert candidate(tmp_path, tree) == []


def test_an_unselective_filter_is_left_alone(tmp_path):
    tree = scan(rows=30_000, Filter="(customer_id = ?)", **{"Rows Removed by Filter": 20_000})
    assert candidate(tmp_path, tree) == []


def test_a_join_that_few_rows_survive_asks_for_its_column(tmp_path):
    tree = node(
        "Hash Join",
        scan("lines", "l", rows=90_000),
        node(
            "Hash",
            scan("orders", "o", node="Index Scan", rows=2, time=0.1, **{"Index Cond": "(id = ?)"}),
        ),
        rows=7,
        **{"Hash Cond": "(l.order_id = o.id)"},
    )
    assert candidate(tmp_path, tree) == [("lines", ("order_id",))]


def test_a_nested_loop_over_a_sequential_scan_asks_for_its_column(tmp_path):
    tree = node(
        "Nested Loop",
        scan("orders", "o", node="Index Scan", rows=3, time=0.1),
        scan(
            "lines",
            "l",
            rows=4,
            loops=3,
            Filter="(order_id = o.id)",
            **{"Rows Removed by Filter": 89_996},
        ),
        rows=12,
    )
    assert candidate(tmp_path, tree) == [("lines", ("order_id",))]


def test_the_second_column_of_a_key_is_found_below_an_index_scan(tmp_path):
    tree = scan(
        node="Index Scan", Filter="(customer_id = ?)",
        **{"Index Cond": "((status)::text = ?)", "Rows Removed by Filter": 9_000},
    )  # fmt: skip
    assert candidate(tmp_path, tree) == [("orders", ("status", "customer_id"))]


def test_a_column_compared_for_equality_comes_before_the_range_of_an_index(tmp_path):
    tree = scan(
        node="Index Scan", Filter="(customer_id = ?)",
        **{"Index Cond": "(id <= ?)", "Rows Removed by Filter": 9_000},
    )  # fmt: skip
    assert candidate(tmp_path, tree) == [("orders", ("customer_id", "id"))]


def test_only_the_join_that_drops_rows_asks_for_its_column(tmp_path):
    # by its key, which has an index that the planner did not want; what hangs on it keeps all rows
    inner = node(
        "Hash Join",
        scan("orders", "o", rows=50_000),
        node("Hash", scan("tiny", "t", rows=20, time=0.1), rows=20),
        rows=20,
        **{"Hash Cond": "(o.id = t.code)"},
    )
    tree = node(
        "Hash Left Join",
        inner,
        node("Hash", scan("tiny", "u", rows=300, time=0.1), rows=300),
        rows=20,
        **{"Hash Cond": "(o.customer_id = u.id)"},
    )
    assert candidate(tmp_path, tree) == []


def test_what_a_filter_threw_away_is_not_laid_on_the_join(tmp_path):
    tree = node(
        "Nested Loop",
        scan(rows=0, Filter="(customer_id = ?)", **{"Rows Removed by Filter": 50_000}),
        scan("tiny", "t", rows=0, time=0.1),
        rows=0,
        **{"Join Filter": "(t.id = o.email)"},
    )
    assert candidate(tmp_path, tree) == [("orders", ("customer_id",))]


@pytest.mark.parametrize(("removed", "expected"), [(3_000, []), (40_000, [("customer_id",)])])
def test_a_scan_in_order_that_a_limit_ends_early_is_left_alone(tmp_path, removed, expected):
    tree = node(
        "Limit",
        scan(node="Index Scan", Filter="(customer_id = ?)", **{"Rows Removed by Filter": removed}),
        rows=5,
    )
    assert [columns for _, columns in candidate(tmp_path, tree)] == expected


def test_equal_columns_stand_in_the_order_that_serves_another_search_too(tmp_path):
    removed = {"Rows Removed by Filter": 49_995}
    both = scan(Filter="((email = ?) AND (customer_id = ?))", **removed)
    one = scan(Filter="(customer_id = ?)", **removed)
    assert candidate(tmp_path, node("Append", both, one)) == [("orders", ("customer_id", "email"))]


def test_the_top_of_a_sort_asks_for_its_order(tmp_path):
    tree = node(
        "Limit",
        node("Sort", scan(rows=50_000), rows=20, **{"Sort Key": ["o.created_at DESC"]}),
        rows=20,
    )
    assert candidate(tmp_path, tree) == [("orders", ("created_at",))]


def test_of_two_candidates_the_wider_one_serves_both(tmp_path):
    wide = scan(
        Filter="((customer_id = ?) AND (created_at > ?))", **{"Rows Removed by Filter": 49_995}
    )
    narrow = scan(Filter="(customer_id = ?)", **{"Rows Removed by Filter": 49_995})
    assert candidate(tmp_path, node("Append", wide, narrow)) == [
        ("orders", ("customer_id", "created_at"))
    ]


def test_trees_wrapped_as_explain_prints_them_are_read(tmp_path):
    tree = [{"Plan": scan(Filter="(customer_id = ?)", **{"Rows Removed by Filter": 9})}]
    [plan] = view_of(tmp_path, tree)[query_plans][
        "SELECT o.id FROM orders o WHERE o.customer_id = ?"
    ]
    assert plan.scans[0].equal_columns == ("customer_id",)
    assert plan.rows_read == 14


def test_a_recording_without_plans_says_so(tmp_path):
    build = RecordingBuilder(tmp_path)
    with build.request("GET /") as request:
        request.work(1)
    with pytest.raises(UnavailableError, match=r"plans\.json"):
        View(build.write())[query_plans]
