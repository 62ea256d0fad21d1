"""Effects and verdicts: over launches, with intervals, claimed only when noise can not explain them.

``benchmarks/claims.py`` prints the rates of which the tests here hold the order of magnitude.
"""

import random

import pytest
from tests.unit.experiments.simulated import BUSY, NOTHING, QUIET, launches

from flask_assay.experiments.estimate import EQUIVALENT_RATIO, distribution, judge
from flask_assay.model.effect import OracleVerdict, TrialOutcome


def judged(seed, ratios, *, is_last=True, **machine):
    made = launches(random.Random(seed), ratios, **machine)
    return judge(made, dict.fromkeys(ratios, 1.0), is_last=is_last)


def outcomes(seed, ratios, **machine):
    return {name: each.outcome for name, each in judged(seed, ratios, **machine).items()}


CLAIMS = {TrialOutcome.FASTER, TrialOutcome.SLOWER}


def test_a_halved_time_is_an_effect_with_its_interval():
    found = judged(1, {"0a": 0.5}, **QUIET)["0a"]
    (effect,) = found.effects
    assert found.outcome is TrialOutcome.FASTER
    assert effect.low_s < effect.change_s < effect.high_s < 0
    assert effect.change_s == pytest.approx(-0.005, rel=0.15)
    assert (effect.launch_count, effect.pair_count) == (6, 72)


def test_a_doubled_time_is_slower():
    assert outcomes(2, {"0a": 2.0}, **QUIET)["0a"] is TrialOutcome.SLOWER


@pytest.mark.parametrize("machine", [QUIET, BUSY], ids=["quiet", "busy"])
def test_in_sixty_experiments_that_change_nothing_hardly_one_claims_an_effect(machine):
    wrong = sum(
        not CLAIMS.isdisjoint(outcomes(seed, NOTHING, **machine).values()) for seed in range(60)
    )
    assert wrong <= 1


def test_what_changes_nothing_is_shown_to_on_a_quiet_machine_and_left_open_on_a_busy_one():
    quiet = [
        judged(seed, NOTHING, **QUIET | {"pairs": 30})[name]
        for seed in range(4)
        for name in NOTHING
    ]
    shown = [each for each in quiet if each.outcome is TrialOutcome.NO_EFFECT]
    assert len(shown) > 0.9 * len(quiet)
    for each in shown:
        (effect,) = each.effects
        assert abs(effect.change_s) < EQUIVALENT_RATIO * effect.before_s
        assert "is excluded" in each.reason
    busy = [judged(seed, NOTHING, **BUSY)[name] for seed in range(4) for name in NOTHING]
    open_ = [each for each in busy if each.outcome is TrialOutcome.INCONCLUSIVE]
    assert len(open_) > 0.9 * len(busy)
    for each in open_:
        (effect,) = each.effects
        low, high = (at / effect.before_s * 100 for at in (effect.low_s, effect.high_s))
        assert f"from {low:+.0f} to {high:+.0f} % is possible" in each.reason


def test_a_tenth_less_is_mostly_seen_on_a_quiet_machine():
    ratios = NOTHING | {"0a": 0.9, "1b": 0.9}
    seen = [outcomes(seed, ratios, **QUIET)[name] for seed in range(20) for name in ("0a", "1b")]
    assert seen.count(TrialOutcome.FASTER) >= 26


def test_a_halved_time_is_mostly_seen_on_a_busy_machine():
    ratios = NOTHING | {"0a": 0.5, "1b": 0.5}
    seen = [outcomes(seed, ratios, **BUSY)[name] for seed in range(20) for name in ("0a", "1b")]
    assert seen.count(TrialOutcome.FASTER) >= 32


def test_what_the_null_arm_shows_is_the_bar_of_its_route():
    """A change that copies of the data make is none of the remedy."""
    rng = random.Random(5)
    made = launches(rng, {"0a": 0.75, "1a": 0.75}, **QUIET)
    for launch in made:
        pairs = launch.pairs["null", "GET /0"]
        pairs[:] = [(before, 0.7 * after) for before, after in pairs]
    found = judge(made, {"0a": 1.0, "1a": 1.0})
    assert found["null"].outcome is TrialOutcome.FASTER
    assert found["0a"].outcome is TrialOutcome.INCONCLUSIVE
    assert found["0a"].effects[0].high_s < 0  # why it is not claimed has to be said
    assert "the unchanged app differed from itself by up to" in found["0a"].reason
    assert found["1a"].outcome is TrialOutcome.FASTER


def test_a_change_that_counts_as_none_is_never_claimed_however_narrow_its_interval():
    precise = {"luck": 0.0, "noise": 0.002, "bursts": 0.0, "pairs": 40}
    made = launches(random.Random(1), NOTHING | {"0a": 0.96, "1a": 0.92}, **precise)
    found = judge(made, dict.fromkeys(NOTHING, 1.0))
    assert found["0a"].effects[0].high_s < 0  # the interval alone would allow it
    assert found["0a"].outcome is TrialOutcome.NO_EFFECT
    assert found["1a"].outcome is TrialOutcome.FASTER


def test_at_the_first_look_what_could_still_help_is_promising_and_nothing_else():
    ratios = NOTHING | {"0a": 0.5, "1b": 3.0}
    found = judged(6, ratios, is_last=False, count=3, **QUIET | {"pairs": 40})
    assert found["0a"].is_promising
    assert not found["1b"].is_promising
    nothing = [found[name] for name in NOTHING if name not in {"0a", "1b"}]
    assert sum(not each.is_promising for each in nothing) >= 4
    assert all(
        each.is_promising for each in judged(7, NOTHING, is_last=False, count=3, **BUSY).values()
    )


def test_a_cache_helps_its_hits_only():
    made = launches(random.Random(8), {"0a": 0.1}, **QUIET)
    (effect,) = judge(made, {"0a": 0.5})["0a"].effects
    assert effect.after_s == pytest.approx(0.55 * effect.before_s, rel=0.1)


@pytest.mark.parametrize("verdict", [OracleVerdict.DIFFERENT, OracleVerdict.ERROR])
def test_changed_answers_refuse_any_saving(verdict):
    assert outcomes(3, {"0a": 0.1}, verdict=verdict, **QUIET)["0a"] is TrialOutcome.REFUSED


def test_one_launch_says_nothing():
    assert judged(9, {"0a": 0.1}, count=1, **QUIET)["0a"].effects == ()


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
