"""Which growth is one with the data, and what is left alone."""

import pytest
from tests.recordings.scenarios import growth, record

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Severity


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
