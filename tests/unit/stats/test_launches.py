"""Launches: their luck is learned from all comparisons, and few of them are not believed alone."""

import random

import pytest

from flask_assay.stats.intervals import mean_interval, t_tail
from flask_assay.stats.launches import (
    Comparison,
    Spread,
    comparison,
    interval_of,
    spread_of,
    tail_of,
)
from flask_assay.stats.location import midmean
from flask_assay.stats.multiplicity import discoveries


def made(rng, luck, noise, launches=5, pairs=9, effect=0.0):
    shifts = [effect + rng.gauss(0, luck) for _ in range(launches)]
    return comparison([[rng.gauss(shift, noise) for _ in range(pairs)] for shift in shifts])


def test_without_others_it_is_students_interval():
    alone = Comparison((1.0, 2.0, 4.0), 0.1)
    assert interval_of(alone, Spread()) == pytest.approx(mean_interval([1.0, 2.0, 4.0]))
    with pytest.raises(ValueError, match="at least two"):
        interval_of(Comparison((1.0,), 0.1), Spread())


def test_the_luck_of_launches_is_found_beside_the_noise_of_pairs():
    rng = random.Random(1)
    lucky = spread_of([made(rng, 0.1, 0.1) for _ in range(60)])
    assert lucky.luck_variance**0.5 == pytest.approx(0.1, rel=0.25)
    steady = spread_of([made(rng, 0.0, 0.1) for _ in range(60)])
    assert steady.luck_variance**0.5 < 0.03
    assert 0 < steady.freedom <= 12


def test_intervals_of_five_launches_hold_what_they_promise_and_are_shorter():
    rng = random.Random(2)
    held, ours, alone = 0, 0.0, 0.0
    for _ in range(40):
        every = [made(rng, 0.05, 0.1) for _ in range(10)]
        spread = spread_of(every)
        for each in every:
            found, plain = interval_of(each, spread), mean_interval(each.figures)
            held += found.low <= 0 <= found.high
            ours, alone = ours + found.high - found.low, alone + plain.high - plain.low
    assert 0.92 <= held / 400 <= 0.98
    assert ours < 0.9 * alone


def test_a_tail_is_that_of_the_interval_that_ends_at_zero():
    one, spread = Comparison((0.3, 0.4, 0.5), 0.001), Spread(0.001, 1.0, 6.0)
    found = interval_of(one, spread, level=1 - tail_of(one, spread))
    assert found.low == pytest.approx(0.0, abs=1e-6)
    assert t_tail(0.0, 3.5) == pytest.approx(0.5)


def test_outliers_of_a_quarter_leave_the_midmean_alone():
    assert midmean([1.0, 2.0, 3.0, 1e9]) == 2.5
    assert midmean([5.0]) == 5.0
    assert midmean([1.0, 4.0]) == 2.5
    assert midmean([0.0, 2.0, 40.0]) == pytest.approx((0.25 * 0 + 2.0 + 0.25 * 40) / 1.5)


def test_the_more_is_there_the_more_is_believed():
    tails = {"a": 0.004, "b": 0.008, "c": 0.5, "d": 0.9}
    assert discoveries({"a": 0.008, "c": 0.5, "d": 0.9, "e": 0.7}, rate=0.01) == frozenset()
    assert discoveries(tails, rate=0.02) == {"a", "b"}
    assert discoveries({}, rate=0.01) == frozenset()
