"""The cache plan as marks, rows and words; distributions before and after."""

import math
from dataclasses import replace

import pytest
from tests.golden.sample import CACHE_PLANS, GROWTH, effect

from flask_assay.model.effect import CachePoint
from flask_assay.report import geometry, plots


def test_lifetimes_stand_on_a_logarithmic_axis_within_the_plot():
    plot = plots.cache_plan(CACHE_PLANS[0])
    at = [x for x, _, _ in plot.ticks]
    assert (at[0], at[-1]) == (4.0, 96.0)
    assert (at[1] - at[0]) / (at[2] - at[1]) == pytest.approx(math.log(5) / math.log(3))
    assert [words for _, words, is_chosen in plot.ticks if is_chosen] == ["15 s"]


def test_more_hits_lie_higher():
    hits = next(line for line in plots.cache_plan(CACHE_PLANS[0]).lines if line.name == "hits")
    downs = [y for _, y in hits.points]
    assert downs == sorted(downs, reverse=True)
    assert downs[0] == pytest.approx(100 - 59.2)
    assert hits.path.startswith("M4.00 40.80L")


def test_a_plan_says_what_it_stands_on_and_what_it_proposes():
    shared, own = map(plots.cache_words, CACHE_PLANS)
    assert shared.endswith("proposed: 15 s")
    assert "one entry per caller" in own
    assert "956 left out" in own
    assert own.endswith("delete on write instead of a lifetime")


def test_measured_stands_beside_predicted_to_the_tenth_of_a_point():
    row = plots.cache_rows(CACHE_PLANS[0])[2]
    assert row == ("15 s", "95.6 %", "95.9 %", "3.9 %", "4.2 %")
    assert "at 15 s 95.6 % hits (predicted 95.9 %)" in plots.cache_sentence(CACHE_PLANS[0])


def test_staleness_that_was_not_measured_is_no_figure():
    points = tuple(replace(point, stale_ratio=None) for point in CACHE_PLANS[0].points)
    plan = replace(CACHE_PLANS[0], points=points, write_count=380, refused_write_count=51)
    doubt = "staleness not confirmed: 51 of 431 writes were refused on replay"
    assert doubt in plots.cache_words(plan)
    assert f"4.2 % of them stale by prediction ({doubt})" in plots.cache_sentence(plan)
    assert plots.cache_rows(plan)[2] == ("15 s", "95.6 %", "95.9 %", "not confirmed", "4.2 %")
    stale = next(line for line in plots.cache_plan(plan).lines if line.name == "stale")
    assert stale.points == ()


def test_a_plan_without_sane_points_is_drawn_empty():
    strange = replace(CACHE_PLANS[0], points=(CachePoint(math.inf, math.nan, 0, math.nan, 0),))
    assert plots.cache_plan(strange).ticks == ()
    assert "no lifetime" in plots.cache_sentence(replace(strange, points=()))


def test_times_before_and_after_share_an_axis():
    found = geometry.spread(effect("GET /", 0.1, 0.01, -0.1, -0.08))

    def middle(bars):
        tallest = max(bars, key=lambda bar: bar.height)
        return tallest.left + tallest.width / 2

    assert middle(found.after) < middle(found.before)
    assert max(bar.left + bar.width for bar in found.before) <= 100.01
    assert len(found.ticks) == 3


def test_an_effect_without_times_has_no_distribution():
    bare = replace(effect("GET /", 0.1, 0.01, -0.1, -0.08), distribution=())
    assert geometry.spread(bare) is None


def test_a_route_in_step_with_the_data_rises_as_steeply_on_both_axes():
    plot = plots.growth(GROWTH)
    assert [line.words for line in plot.lines] == [curve.route for curve in GROWTH]
    steep, flat = plot.lines[0].points, plot.lines[2].points
    assert steep[0][1] - steep[-1][1] > 10 * abs(flat[0][1] - flat[-1][1])
    assert [words for _, words in plot.across] == ["21,000", "84,000", "336,000"]
    assert [words for _, words in plot.up] == ["10", "100", "1,000", "10,000"]
    assert all(0 <= y <= 100 for line in plot.lines for _, y in line.points)
    assert plots.exponent_words(GROWTH[0]) == "1.01"
    assert plots.exponent_words(replace(GROWTH[0], exponent=-0.001)) == "0.00"
    assert plots.exponent_words(replace(GROWTH[0], exponent=-0.25)) == "−0.25"


def test_counts_that_no_axis_can_hold_are_left_out():
    bare = replace(GROWTH[0], blocks=(0.0, math.nan, math.inf), exponent=None)
    assert plots.growth((bare,)) is None
    assert plots.growth(()) is None
    assert plots.exponent_words(bare) == "–"
