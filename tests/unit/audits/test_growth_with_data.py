"""Which growth is one with the data, and what is left alone."""

import pytest
from tests.recordings.scenarios import growth, record

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Severity

SECOND = "SELECT c.id FROM customers c ORDER BY random() LIMIT ?"


def findings(path, **counts):
    recording = record(path, lambda build: growth(build, **counts))
    return [one for one in diagnose(recording).findings if one.audit == "growth-with-data"]


def test_the_exponent_and_the_counts_stand_in_the_finding(tmp_path):
    [finding] = findings(tmp_path)
    assert finding.title == "GET /totals works in step with the data: exponent 1.00"
    assert "4.0 times the blocks" in finding.detail
    assert [one.value for one in finding.evidence[1:4]] == [250, 500, 1000]
    assert finding.severity is Severity.WARNING


@pytest.mark.parametrize(
    ("blocks", "rows"),
    [
        ((10, 20, 40), (1, 1, 1)),  # grows, and is nothing
        ((250, 300, 360), (1, 1, 1)),  # exponent 0.26
        ((250, 1_000, 600), (1, 1, 1)),  # up and down: something else decides
        ((0, 0, 900), (0, 0, 900)),  # nothing at the small sizes: no exponent
    ],
    ids=["small", "slow", "up and down", "from nothing"],
)
def test_what_does_not_grow_in_step_is_left_alone(blocks, rows, tmp_path):
    assert findings(tmp_path, blocks=blocks, rows=rows) == []


def test_rows_count_as_well_as_blocks_and_little_is_a_note(tmp_path):
    [finding] = findings(tmp_path, blocks=(10, 20, 40), rows=(100, 200, 400))
    assert finding.severity is Severity.NOTE


def two_statements(build, *, blocks):
    growth(build, blocks=(600, 1_200, 2_400))
    route = build.documents["growth"]["routes"][0]
    with build.request("GET /totals") as request:
        request.query(SECOND, rows=12, ms=2, site="shop/totals.py:15 draw")
    route["statements"] += [
        {"statement": SECOND, "row_counts": [12, 12, 12], "block_counts": list(blocks)},
    ]


def test_a_further_statement_that_grows_by_itself_is_told_at_its_own_line(tmp_path):
    recording = record(tmp_path, lambda build: two_statements(build, blocks=(75, 150, 300)))
    grown = [one for one in diagnose(recording).findings if one.audit == "growth-with-data"]
    assert {str(one.place) for one in grown} == {"shop/totals.py:8", "shop/totals.py:15"}
    [second] = [one for one in grown if one.sql == SECOND]
    assert [one.value for one in second.evidence[1:4]] == [75, 150, 300]
    assert second.severity is Severity.NOTE


@pytest.mark.parametrize("blocks", [(300, 300, 300), (40, 80, 160)], ids=["flat", "small"])
def test_a_further_statement_that_does_not_is_left_alone(tmp_path, blocks):
    recording = record(tmp_path, lambda build: two_statements(build, blocks=blocks))
    grown = [one for one in diagnose(recording).findings if one.audit == "growth-with-data"]
    assert [str(one.place) for one in grown] == ["shop/totals.py:8"]
