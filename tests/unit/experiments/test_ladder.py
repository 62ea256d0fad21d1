"""The ladder: greedy by what each remedy adds, measured together, never a sum."""

import random

import pytest

from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.ladder import ladder_of
from flask_assay.experiments.launch import LaunchResult
from flask_assay.model.effect import Trial, TrialOutcome
from flask_assay.model.finding import Remedy

A = Hypothesis("a", Remedy("index", {}, "A"), frozenset({"r"}), 0)
B = Hypothesis("b", Remedy("eager-load", {}, "B"), frozenset({"r"}), 1)
C = Hypothesis("c", Remedy("memo", {}, "C"), frozenset({"s"}), 2)
ASKED = {"r": 30, "s": 10, "t": 500}


def trial(each, outcome=TrialOutcome.FASTER):
    return Trial(each.remedy_id, "x", {}, each.remedy.summary, outcome)


def launches(ratios, count=5, noise=0.01):
    rng = random.Random(1)
    found = []
    for _ in range(count):
        pairs = {}
        for (arm, route), ratio in ratios.items():
            base = 0.1 if route == "r" else 0.02
            pairs[arm, route] = [(base, base * ratio * rng.gauss(1, noise)) for _ in range(9)]
        statements = dict.fromkeys(pairs, (10.0, 4.0)) | {("null", "r"): (10.0, 10.0)}
        found.append(LaunchResult(pairs, {}, statements))
    return found


RATIOS = {
    ("null", "r"): 1.0,
    ("null", "s"): 1.0,
    ("a", "r"): 0.4,
    ("b", "r"): 0.5,
    ("a + b", "r"): 0.3,
    ("c", "s"): 0.5,
}


def test_rungs_are_measured_together_and_the_best_comes_first():
    every = {each.remedy_id: trial(each) for each in (A, B, C)}
    ladder = ladder_of([A, B, C], every, launches(RATIOS), ASKED)
    assert ladder.routes == ("r", "s")
    assert ladder.before_s == pytest.approx(0.75 * 0.1 + 0.25 * 0.02)
    assert [rung.remedy_id for rung in ladder.rungs] == ["a", "b", "c"]
    times = [rung.time_s for rung in ladder.rungs]
    assert times == pytest.approx([0.035, 0.0275, 0.025], rel=0.03)
    # alone B saves 37 ms of 80; on top of A only 7.5 ms are left to save
    assert ladder.rungs[1].alone_s == pytest.approx(-0.0375, rel=0.05)
    assert ladder.rungs[1].change_s == pytest.approx(-0.0075, rel=0.2)
    assert all(rung.low_s < rung.time_s < rung.high_s for rung in ladder.rungs)


def test_what_adds_nothing_on_top_is_listed_as_no_effect():
    ratios = RATIOS | {("a + b", "r"): 0.4}
    every = {"a": trial(A), "b": trial(B), "c": trial(C, TrialOutcome.NO_EFFECT)}
    ladder = ladder_of([A, B, C], every, launches(ratios, noise=0.02), ASKED)
    assert [rung.remedy_id for rung in ladder.rungs] == ["a"]
    assert {remedy_id for remedy_id, _ in ladder.no_effect} == {"b", "c"}


def test_a_cache_helps_its_hits_only():
    cache = Hypothesis("c", Remedy("response-cache", {"predicted_hit_ratio": 0.8}, "C"), C.routes)
    ladder = ladder_of([cache], {"c": trial(cache)}, launches(RATIOS), ASKED)
    assert ladder.rungs[0].time_s == pytest.approx(0.02 * (0.2 + 0.8 * 0.5), rel=0.03)


def test_nothing_faster_gives_no_ladder():
    every = {"a": trial(A, TrialOutcome.NO_EFFECT)}
    assert ladder_of([A], every, launches(RATIOS), ASKED) is None


def without(launch, route):
    return LaunchResult(
        {key: each for key, each in launch.pairs.items() if key[1] != route}, {}, launch.statements
    )


def test_launches_that_had_no_time_for_a_route_are_left_aside():
    every = {each.remedy_id: trial(each) for each in (A, B, C)}
    four = launches(RATIOS, count=4)
    ladder = ladder_of([A, B, C], every, [*four[:2], *(without(each, "s") for each in four)], ASKED)
    assert ladder.routes == ("r", "s")
    assert ladder.launch_count == 2


def test_a_proven_remedy_whose_route_was_not_always_measured_is_not_called_useless():
    two = launches(RATIOS, count=2)
    every = {each.remedy_id: trial(each) for each in (A, C)}
    ladder = ladder_of([A, C], every, [two[0], without(two[1], "s")], ASKED)
    assert [rung.remedy_id for rung in ladder.rungs] == ["a"]
    assert ladder.no_effect == ()
    assert ladder_of([C], every, [two[0], without(two[1], "s")], ASKED) is None
