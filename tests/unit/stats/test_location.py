import random

import pytest

from flask_assay.stats.intervals import mean_interval, t_quantile
from flask_assay.stats.location import hodges_lehmann, median_interval, shift_interval


@pytest.mark.parametrize(
    ("freedom", "expected"), [(1, 12.706), (4, 2.776), (9, 2.262), (30, 2.042), (1000, 1.962)]
)
def test_students_quantiles_are_the_tabulated_ones(freedom, expected):
    assert t_quantile(0.975, freedom) == pytest.approx(expected, abs=2e-3)
    assert t_quantile(0.025, freedom) == pytest.approx(-expected, abs=2e-3)


def test_no_degrees_of_freedom_is_refused():
    with pytest.raises(ValueError, match="0 degrees"):
        t_quantile(0.9, 0)


@pytest.mark.parametrize("count", [3, 5, 12])
def test_the_interval_of_the_mean_covers_at_the_nominal_rate(count):
    plan, trials = random.Random(count), 1_500
    covered = 0
    for _ in range(trials):
        found = mean_interval([plan.gauss(2, 1) for _ in range(count)])
        covered += found.low <= 2 <= found.high
    assert covered / trials == pytest.approx(0.95, abs=0.025)


def test_one_launch_has_no_interval():
    with pytest.raises(ValueError, match="at least two"):
        mean_interval([1.0])


def test_equal_launches_have_an_interval_of_no_width():
    assert mean_interval([2.0, 2.0, 2.0]) == (2.0, 2.0, 2.0)


@pytest.mark.parametrize("count", [8, 20, 60])
def test_hodges_lehmann_covers_at_the_nominal_rate(count):
    plan, trials = random.Random(count), 400
    covered = 0
    for _ in range(trials):
        found = hodges_lehmann([plan.gauss(1, 3) for _ in range(count)])
        covered += found.low <= 1 <= found.high
    assert covered / trials >= 0.92


def test_hodges_lehmann_hardly_notices_an_outlier():
    assert hodges_lehmann([1.0, 1.1, 0.9, 1.0, 1.05, 0.95, 500.0]).point == pytest.approx(
        1.0, abs=0.1
    )


def test_a_sample_whose_pairs_cannot_be_listed_is_refused():
    with pytest.raises(ValueError, match="thin the sample"):
        hodges_lehmann([0.0] * 5_000)


def test_the_shift_between_samples_covers_at_the_nominal_rate():
    plan, trials = random.Random(5), 400
    covered = 0
    for _ in range(trials):
        before = [plan.expovariate(1) for _ in range(15)]
        after = [plan.expovariate(1) - 0.5 for _ in range(15)]
        found = shift_interval(before, after)
        covered += found.low <= -0.5 <= found.high
    assert covered / trials >= 0.92


def test_no_shift_is_claimed_between_equal_samples_more_often_than_alpha():
    plan, trials = random.Random(6), 400
    claimed = sum(
        shift_interval(
            [plan.gauss(0, 1) for _ in range(12)], [plan.gauss(0, 1) for _ in range(12)]
        ).excludes_zero
        for _ in range(trials)
    )
    assert claimed / trials <= 0.08


def test_an_empty_side_is_refused():
    with pytest.raises(ValueError):
        shift_interval([], [1.0])


def test_the_median_interval_takes_any_order():
    assert median_interval([3.0, 1.0, 2.0]).point == 2.0
