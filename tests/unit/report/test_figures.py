import doctest
import math

import pytest

from flask_assay.model.finding import Evidence
from flask_assay.report import figures, geometry


@pytest.mark.parametrize("module", [figures, geometry])
def test_the_examples_in_the_docstrings_hold(module):
    assert doctest.testmod(module).failed == 0


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0004, "400 µs"),
        (3e-9, "3 ns"),
        (0.9996, "1,000 ms"),
        (1.0, "1 s"),
        (119.0, "119 s"),
        (7200.0, "120 min 0 s"),
        (-0.25, "−250 ms"),
        (math.inf, "–"),
    ],
)
def test_a_duration_picks_its_unit(value, text):
    assert figures.seconds(value) == text


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, 0.0, 1e300, -1e300, 5e-324])
def test_no_number_is_too_strange_to_print(value):
    for words in (
        figures.number,
        figures.count,
        figures.seconds,
        figures.change,
        figures.byte_size,
        figures.percent,
    ):
        assert words(value)
    assert figures.interval(value, value, signed=True)
    assert figures.price("index_bytes", value)[1]


@pytest.mark.parametrize(
    ("evidence", "value", "note"),
    [
        (Evidence("x", 129948, "rows", 3012), "129,948 rows", "n = 3,012"),
        (
            Evidence("x", 74.26, "ms", 9, 72.8, 75.9),
            "74.3 ms",
            "95 % interval 72.8 – 75.9 ms · n = 9",
        ),
        (Evidence("x", "none"), "none", ""),
        (Evidence("x", math.nan, "ms"), "– ms", ""),
    ],
)
def test_evidence_shows_what_it_stands_on(evidence, value, note):
    assert (figures.evidence_value(evidence), figures.evidence_note(evidence)) == (value, note)


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("memory_bytes", 1024.0, ("memory", "1 KB")),
        ("build_s", 0.12, ("build", "0.12 s")),
        ("stale_ratio", 0.15, ("stale", "15 %")),
        ("workers", 2.0, ("workers", "2")),
        ("bytes", 10.0, ("size", "10 B")),
    ],
)
def test_the_unit_of_a_price_is_read_off_its_name(name, value, words):
    assert figures.price(name, value) == words
