import dataclasses
import math

import pytest
from tests.golden.hostile import empty, enormous, strange_numbers
from tests.golden.sample import sample

from flask_assay.model.document import Series
from flask_assay.report import caps


def test_an_ordinary_document_loses_nothing():
    fitted, left_out = caps.fit(sample(), caps.LEVELS[0])
    assert left_out == ()
    assert fitted.findings == sample().findings
    assert fitted.routes == sample().routes


def test_what_is_left_out_is_counted_and_said():
    fitted, left_out = caps.fit(enormous(), caps.LEVELS[0])
    assert len(fitted.findings) == 100
    sentence = caps.left_out_words(left_out)
    assert "9,900 findings" in sentence
    assert "300 routes" in sentence
    assert "long texts" in sentence
    assert sentence.endswith("The JSON document has all.")


def test_the_levels_grow_ever_tighter():
    for looser, tighter in zip(caps.LEVELS, caps.LEVELS[1:], strict=False):
        for name in caps.Limits.__slots__:
            assert getattr(tighter, name) <= getattr(looser, name)


def test_thinning_keeps_the_peaks_of_percentiles():
    values = [0.1] * 1000
    values[777] = 9.0
    thinned = caps.thin(Series("p99_s", tuple(map(float, range(1000))), tuple(values)), 50)
    assert len(thinned.values) == len(thinned.t_s) == 50
    assert max(thinned.values) == 9.0


def test_thinning_keeps_the_mean_of_everything_else():
    thinned = caps.thin(Series("requests_per_s", (0.0, 1.0, 2.0, 3.0), (1.0, 3.0, None, 8.0)), 2)
    assert thinned.values == (2.0, 8.0)


def test_what_cannot_be_drawn_becomes_a_gap():
    series = Series("p50_s", (0.0, 1.0, math.nan, 2.0), (math.nan, 1e300, 1.0, 0.5))
    assert caps.thin(series, 10) == Series("p50_s", (0.0, 1.0, 2.0), (None, None, 0.5))


def test_points_out_of_order_and_lists_of_unequal_length_are_put_right():
    assert caps.thin(Series("x", (2.0, 1.0, 3.0), (20.0, 10.0)), 10).t_s == (1.0, 2.0)


@pytest.mark.parametrize("character", ["\x1b", "\x00", "\x9b", "\u202e", "\ud800"])
def test_characters_that_steer_a_terminal_are_replaced(character):
    series = Series(f"a{character}b", (1.0,), (1.0,))
    d = dataclasses.replace(sample(), series=(series,))
    fitted, _ = caps.fit(d, caps.LEVELS[0])
    assert fitted.series[0].name == "a\ufffdb"


@pytest.mark.parametrize("make", [empty, strange_numbers])
def test_odd_documents_pass(make):
    for limits in caps.LEVELS:
        caps.fit(make(), limits)
