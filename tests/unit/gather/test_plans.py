"""Plans: kept as shapes; values of the user's data never reach the recording."""

import json
import re

from flask_assay.errors import AssayError
from flask_assay.gather.plans import explain, private_statements

PLAN = {
    "Node Type": "Seq Scan",
    "Relation Name": "users",
    "Filter": "((email = 'ann@example.test'::text) AND (age > 41))",
    "Actual Rows": 1.0,
    "Actual Loops": 1.0,
    "Actual Total Time": 3.25,
    "Rows Removed by Filter": 1999,
    "Plans": [{"Node Type": "Result", "Output": ["'secret'::text"]}],
}


def asked(sql):
    calls = re.findall(r"^SELECT (\d+), pg_temp.assay_explained\('", sql, re.MULTILINE)
    return [(number, json.dumps([{"Plan": PLAN, "Execution Time": 4.0}])) for number in calls]


def test_literals_are_taken_out_of_every_part_of_a_plan():
    document = explain([asked], {"SELECT ?": ["SELECT 'ann@example.test'"]})
    text = json.dumps(document)
    assert "ann@" not in text
    assert "secret" not in text
    assert "41" not in text
    (plan,) = document["plans"]
    assert plan["tree"]["Filter"] == "((email = ?) AND (age > ?))"
    assert plan["execution_s"] == 0.004
    assert "Rows removed by filter: 1999" in plan["text"][2]


def test_a_statement_that_can_not_be_explained_is_counted():
    def fails(sql):
        raise AssayError("no")

    assert explain([fails], {"SELECT ?": ["SELECT 1"]}) == {"plans": [], "unexplained_count": 1}


def test_another_database_is_asked_for_what_the_first_does_not_know():
    def does_not_know(sql):
        return [(number, "") for number, _ in asked(sql)]

    wanted = {"SELECT ?": ["SELECT 1", "SELECT 2"], "SELECT x": ["SELECT x"]}
    found = explain([does_not_know, asked], wanted)
    assert [(plan["statement"], plan["n"]) for plan in found["plans"]] == [
        ("SELECT ?", 2), ("SELECT x", 1),
    ]  # fmt: skip
    assert found["unexplained_count"] == 0


def test_only_statements_that_have_plans_are_explained():
    assert explain([asked], {"TRUNCATE t": ["TRUNCATE t"]})["plans"] == []


def test_a_torn_side_file_reads_up_to_the_tear(tmp_path):
    whole = json.dumps({"statement": "SELECT ?", "sql": "SELECT 1"})
    (tmp_path / "parameters-1.jsonl").write_text(whole + "\n" + whole[:20])
    assert private_statements(tmp_path) == {"SELECT ?": ["SELECT 1"]}
