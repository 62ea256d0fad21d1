"""Counts beside a page: of the rows that it lists, or of others."""

import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import surroundings

from flask_assay.artifacts.view import Given, View
from flask_assay.audits.checks import count_for_pagination

PAGE = "SELECT o.id FROM orders o WHERE o.customer_id = ? ORDER BY o.id DESC LIMIT ? OFFSET ?"
COUNT = "SELECT count(*) AS n FROM (SELECT o.id FROM orders o WHERE o.customer_id = ?) AS anon_1"


def findings(tmp_path, count, *, kept=20_000):
    build = RecordingBuilder(tmp_path)
    surroundings(build)
    for number in range(10):
        with build.request("GET /mine") as request:
            request.query(PAGE, rows=20, digest=number + 1, site="shop/views.py:50 mine")
            request.query(count, rows=1, digest=1, ms=4, site="shop/views.py:52 mine")
    scan = {
        "Node Type": "Seq Scan", "Relation Name": "orders", "Alias": "o", "Actual Rows": kept,
        "Rows Removed by Filter": 50_000 - kept, "Actual Loops": 1, "Actual Total Time": 4.0,
    }  # fmt: skip
    build.document(
        "plans", {"plans": [{"statement": count, "text": ["Seq Scan"], "tree": scan, "n": 1}]}
    )
    return count_for_pagination.audit(Given(View(build.write()), count_for_pagination.META.needs))


def test_a_count_of_the_rows_that_the_page_lists_is_told(tmp_path):
    [found] = findings(tmp_path, COUNT)
    assert "reads 20,000 rows to count the pages of orders" in found.title


@pytest.mark.parametrize(
    "count",
    [
        COUNT.replace("customer_id", "status"),
        COUNT.replace("= ?)", "= ? AND o.is_read = false)"),
        "SELECT count(o.id) AS n FROM orders o WHERE o.status = ?",
    ],
    ids=["others", "fewer", "others-plainly"],
)
def test_a_count_of_other_rows_is_none_of_pages(tmp_path, count):
    assert findings(tmp_path, count) == []


def test_what_a_count_throws_away_is_the_matter_of_an_index(tmp_path):
    assert findings(tmp_path, COUNT, kept=900) == []
