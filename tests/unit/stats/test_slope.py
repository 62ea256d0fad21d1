import itertools
import random

import pytest

from flask_assay.stats.histogram import growing_histogram
from flask_assay.stats.slope import growth_exponent, theil_sen


def test_the_slope_ignores_wild_points():
    x = list(range(20))
    y = [3.0 * value for value in x]
    y[4], y[15] = 900.0, -900.0
    assert theil_sen(x, y).point == pytest.approx(3.0)


def test_the_interval_of_a_flat_line_contains_zero():
    plan, trials = random.Random(1), 200
    wrong = 0
    for _ in range(trials):
        found = theil_sen(range(15), [plan.gauss(0, 1) for _ in range(15)])
        wrong += found.excludes_zero
    assert wrong / trials <= 0.09


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 2.0])
def test_the_exponent_of_a_power_is_its_exponent(exponent):
    sizes = [1_000, 4_000, 16_000]
    counts = [7 * size**exponent for size in sizes]
    assert growth_exponent(sizes, counts).point == pytest.approx(exponent, abs=1e-9)


@pytest.mark.parametrize(
    ("x", "y", "message"),
    [
        ([1], [1, 2], "as many"),
        ([1, 1], [1, 2], "different abscissae"),
        ([float(v) for v in range(4_000)], [0.0] * 4_000, "thin the sample"),
    ],
)
def test_what_has_no_slope_is_refused(x, y, message):
    with pytest.raises(ValueError, match=message):
        theil_sen(x, y)


def test_buckets_grow_without_a_gap_and_hold_every_value():
    plan = random.Random(2)
    values = [plan.lognormvariate(-4, 1) for _ in range(500)]
    buckets = growing_histogram(values)
    assert sum(count for _, count in buckets) == 500
    bounds = [bound for bound, _ in buckets]
    assert all(b / a == pytest.approx(1.2) for a, b in itertools.pairwise(bounds))
    assert bounds[-1] >= max(values) > bounds[-2]


def test_an_empty_sample_has_no_buckets():
    assert growing_histogram([]) == ()


def test_zero_counts_into_the_first_bucket():
    assert growing_histogram([0.0], smallest=1.0) == ((1.0, 1),)


def test_buckets_that_do_not_grow_are_refused():
    with pytest.raises(ValueError, match="above 1"):
        growing_histogram([1.0], factor=1.0)
