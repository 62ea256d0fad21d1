import math
import random

import pytest

from flask_assay.stats.quantiles import normal_quantile, quantile, quantile_interval


def test_a_quantile_is_interpolated_between_neighbours():
    assert quantile([1.0, 2.0, 3.0, 4.0], 0.5) == 2.5
    assert quantile([1.0, 2.0, 3.0], 0.0) == 1.0
    assert quantile([1.0, 2.0, 3.0], 1.0) == 3.0


@pytest.mark.parametrize(("sample", "ratio"), [([], 0.5), ([1.0], 1.5), ([1.0], -0.1)])
def test_what_has_no_quantile_is_refused(sample, ratio):
    with pytest.raises(ValueError):
        quantile(sample, ratio)


@pytest.mark.parametrize("count", [10, 25, 100, 400])
def test_the_interval_of_the_median_covers_at_the_nominal_rate(count):
    plan, trials = random.Random(count), 600
    covered = 0
    for _ in range(trials):
        found = quantile_interval(sorted(plan.expovariate(1) for _ in range(count)), 0.5)
        covered += found.low <= math.log(2) <= found.high
    assert covered / trials >= 0.93


def test_the_interval_of_p95_covers_at_the_level_that_it_states():
    plan, trials, truth = random.Random(3), 600, -math.log(0.05)
    for count in (30, 60, 200):
        covered, level = 0, 0.0
        for _ in range(trials):
            found = quantile_interval(sorted(plan.expovariate(1) for _ in range(count)), 0.95)
            covered += found.low <= truth <= found.high
            level = found.level
        assert abs(covered / trials - level) < 0.04


def test_a_small_sample_admits_that_it_cannot_reach_the_level():
    assert quantile_interval([1.0, 2.0, 3.0], 0.95).level < 0.5


def test_large_samples_use_ranks_close_to_the_exact_ones():
    ordered = [float(value) for value in range(10_000)]
    found = quantile_interval(ordered, 0.5)
    assert found.low == pytest.approx(4901, abs=3)
    assert found.high == pytest.approx(5099, abs=3)


def test_an_interval_knows_whether_zero_is_inside():
    assert quantile_interval([1.0] * 20, 0.5).excludes_zero
    assert not quantile_interval(sorted([-1.0, 1.0] * 10), 0.5).excludes_zero


def test_the_normal_quantile_is_the_known_one():
    assert normal_quantile(0.975) == pytest.approx(1.959964, abs=1e-5)


def test_extreme_ratios_have_intervals_too():
    assert quantile_interval([1.0, 2.0, 3.0], 1.0).point == 3.0
    assert quantile_interval([1.0, 2.0, 3.0], 0.0).point == 1.0
