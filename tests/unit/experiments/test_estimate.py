"""Effects: over launches, with intervals, claimed only when noise can not explain them."""

import random

import pytest

from flask_assay.experiments.estimate import distribution, effects_of, outcome_of
from flask_assay.experiments.launch import LaunchResult
from flask_assay.model.effect import OracleVerdict, TrialOutcome

ROUTE = "GET /"


def launches(rng, *, ratio=1.0, luck=0.03, noise=0.05, count=6, verdict=OracleVerdict.EQUAL):
    """Launches in which every process pair draws its own luck, as real ones do."""
    found = []
    for _ in range(count):
        factors = {"null": rng.gauss(1.0, luck), "arm": ratio * rng.gauss(1.0, luck)}
        pairs = {
            (name, ROUTE): [
                (0.01 * rng.gauss(1, noise), 0.01 * factor * rng.gauss(1, noise)) for _ in range(40)
            ]
            for name, factor in factors.items()
        }
        found.append(LaunchResult(pairs, {("arm", ROUTE): (verdict, "")}))
    return found


def judged(made):
    noise = effects_of("null", made, level=0.95)
    return outcome_of("arm", made, noise, claims=4)


def test_a_halved_time_is_an_effect_with_its_interval():
    made = launches(random.Random(1), ratio=0.5)
    (effect,) = effects_of("arm", made, level=0.95)
    assert effect.low_s < effect.change_s < effect.high_s < 0
    assert effect.change_s == pytest.approx(-0.005, rel=0.1)
    assert (effect.launch_count, effect.pair_count) == (6, 240)
    assert judged(made) is TrialOutcome.FASTER


def test_a_doubled_time_is_slower():
    assert judged(launches(random.Random(2), ratio=2.0)) is TrialOutcome.SLOWER


def test_no_change_is_hardly_ever_claimed():
    claimed = sum(
        judged(launches(random.Random(seed))) is not TrialOutcome.NO_EFFECT for seed in range(300)
    )
    assert claimed <= 3


def test_a_quarter_less_is_nearly_always_seen():
    seen = sum(
        judged(launches(random.Random(seed), ratio=0.75)) is TrialOutcome.FASTER
        for seed in range(100)
    )
    assert seen >= 95


@pytest.mark.parametrize("verdict", [OracleVerdict.DIFFERENT, OracleVerdict.ERROR])
def test_changed_answers_refuse_any_saving(verdict):
    made = launches(random.Random(3), ratio=0.1, verdict=verdict)
    assert judged(made) is TrialOutcome.REFUSED


def test_each_time_before_and_after_is_in_one_bin():
    pairs = [(0.1, 0.01), (0.11, 0.012), (0.4, 0.01)]
    bins = distribution(pairs)
    assert [sum(each[side] for each in bins) for side in (1, 2)] == [3, 3]
    bounds = [bound for bound, _, _ in bins]
    assert bounds == sorted(bounds)
    assert bounds[-1] >= 0.4 * 0.999
    assert bins[0][2] >= 2
    assert distribution([]) == ()
    assert sum(before + after for _, before, after in distribution([(1.0, 1.0)])) == 2
