"""Results that grow with a table, a row or a group at a time."""

import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import all_rows, surroundings

from flask_assay.artifacts.view import Given, View
from flask_assay.audits.checks import unbounded_result

BY_CUSTOMER = "SELECT o.customer_id, sum(o.total) FROM orders o GROUP BY o.customer_id"
BY_NAME = (
    "SELECT c.id, count(o.id) FROM customers c JOIN orders o ON o.customer_id = c.id GROUP BY c.id"
)


def findings(tmp_path, sql, rows):
    build = RecordingBuilder(tmp_path)
    surroundings(build)
    all_rows(build, sql=sql, rows=rows)
    return unbounded_result.audit(Given(View(build.write()), unbounded_result.META.needs))


@pytest.mark.parametrize(
    ("sql", "groups", "table"), [(BY_CUSTOMER, 4_000, "orders"), (BY_NAME, 1_000, "customers")]
)
def test_groups_that_grow_with_a_table_are_told_as_rows_are(tmp_path, sql, groups, table):
    [found] = findings(tmp_path, sql, groups)
    assert f"fetches {groups:,} groups of" in found.title
    assert found.detail.startswith(f"{table} has ")
    assert str(found.place) == "shop/views.py:40"


@pytest.mark.parametrize(
    ("sql", "groups"),
    [
        (BY_CUSTOMER, 499),
        (BY_CUSTOMER.replace("customer_id", "day"), 2_000),
        (BY_CUSTOMER + " ORDER BY sum(o.total) LIMIT 1000", 1_000),
        ("SELECT count(o.id) FROM orders o", 1),
    ],
    ids=["few", "of-many-rows-each", "limited", "one"],
)
def test_groups_that_are_bounded_are_left_alone(tmp_path, sql, groups):
    assert findings(tmp_path, sql, groups) == []
