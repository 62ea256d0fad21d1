"""What launches under load say of a change, beside the unchanged app against itself."""

from types import SimpleNamespace

import pytest

from flask_assay.experiments import under_load
from flask_assay.experiments.arms import BASE, NULL
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.under_load import ALL_ROUTES, _Seen, _trials
from flask_assay.model.deadline import Deadline
from flask_assay.model.effect import TrialOutcome
from flask_assay.model.finding import Remedy

POOL = Hypothesis("pool", Remedy("pool-size", {"size": 20}, "A larger pool."), frozenset(), 0)


def seen(factor, errors=0.0):
    return _Seen({"GET /a": 0.010 * factor, "GET /b": 0.200 * factor}, 50.0 / factor, errors)


def launches(changed, null=(), errors=0.0):
    """One launch per factor of the change; of the null arm where factors are given."""
    made = [{BASE: seen(1.0), "pool": seen(factor, errors)} for factor in changed]
    for launch, factor in zip(made, null, strict=False):
        launch[NULL] = seen(factor)
    return made


def tried(*given, **further):
    (trial,) = _trials([POOL], launches(*given, **further), 9.0)
    return trial


EVEN = (1.01, 0.99, 1.0, 1.0)


def test_a_change_that_halves_the_time_is_claimed_with_what_the_unchanged_app_showed():
    trial = tried((0.5, 0.51, 0.49, 0.5), EVEN)
    assert trial.outcome is TrialOutcome.FASTER
    (effect,) = trial.effects
    assert effect.route == ALL_ROUTES
    assert effect.high_s < -0.4 * effect.before_s
    assert trial.reason.startswith("The unchanged app against itself, in the same 4 launches:")


def test_a_change_within_five_percent_is_never_claimed():
    trial = tried((0.960, 0.961, 0.9605, 0.9602), (1.0, 1.0001, 0.9999, 1.0))
    assert trial.outcome is TrialOutcome.NO_EFFECT


def test_a_change_that_the_unchanged_app_also_shows_is_not_claimed():
    changed = (0.8, 0.81, 0.79, 0.8)
    assert tried(changed, EVEN).outcome is TrialOutcome.FASTER
    assert tried(changed, (0.6, 1.5, 0.7, 1.6)).outcome is TrialOutcome.INCONCLUSIVE


def test_the_unchanged_app_counts_twice_where_it_stood_twice():
    trial = tried((1.0,) * 4, (1.21,) * 4)
    (effect,) = trial.effects
    assert effect.change_s / effect.before_s == pytest.approx(1 / 1.1 - 1, abs=0.001)


def test_without_the_unchanged_app_beside_it_the_trial_says_which_bar_holds():
    trial = tried((0.5, 0.51, 0.49, 0.5))
    assert trial.outcome is TrialOutcome.FASTER
    assert "No time was left for the unchanged app against itself" in trial.reason
    assert "5 %" in trial.reason


def test_one_launch_claims_nothing():
    trial = tried((0.5,), (1.0,))
    assert trial.outcome is TrialOutcome.NOT_TRIED
    assert "--experiment-s" in trial.reason


def test_more_errors_are_no_saving():
    assert tried((0.5,) * 4, EVEN, errors=0.1).outcome is TrialOutcome.REFUSED


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def monotonic_ns(self):
        return round(self.now_s * 1e9)


@pytest.mark.parametrize(
    ("boot_s", "left_s", "arms"),
    [
        (1.0, 100.0, [{BASE, NULL, "pool"}] * 4),
        (1.0, 25.0, [{BASE, "pool"}] * 4),
        (12.0, 78.0, [{BASE, NULL, "pool"}, {BASE, "pool"}]),
        (12.0, 9.0, []),
    ],
    ids=["enough", "no-null", "slow-boots", "no-time"],
)
def test_the_unchanged_app_stands_beside_a_change_as_long_as_two_launches_fit(
    monkeypatch, boot_s, left_s, arms
):
    clock, seen_arms = Clock(), []

    def launch(lab, copy, changes, seconds):
        clock.now_s += len(changes) * (boot_s + seconds)
        seen_arms.append(set(changes))
        return {name: seen(1.0) for name in changes}

    monkeypatch.setattr(under_load, "_launch", launch)
    lab = SimpleNamespace(
        settings=SimpleNamespace(integer=lambda name: 1),
        copy=lambda label: None,
        discard=lambda copy: None,
    )
    deadline = Deadline.after(clock, left_s)
    (trial,) = under_load.try_under_load(
        lab, [POOL], clock=clock, deadline=deadline, launches=4, on_step=lambda text: None
    )
    assert seen_arms == arms
    assert (trial.outcome is TrialOutcome.NOT_TRIED) == (len(arms) < 2)
