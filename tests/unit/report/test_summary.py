import dataclasses

import pytest
from tests.golden.hostile import empty
from tests.golden.sample import sample

from flask_assay.model.document import Reconciliation
from flask_assay.model.effect import TrialOutcome
from flask_assay.report import summary


def test_a_remedy_finds_its_own_experiment():
    d = sample()
    found = {
        f.key: [t.outcome for _, t in summary.remedies_with_trials(f, d) if t] for f in d.findings
    }
    assert found["reviews(product_id)"] == [TrialOutcome.FASTER]
    assert found["GET /search"] == [TrialOutcome.REFUSED]
    assert found["legacy_shop.db"] == []


def test_the_experiment_of_a_key_that_begins_alike_is_not_taken():
    d = sample()
    finding = dataclasses.replace(d.findings[0], key="GET ")
    assert summary.finding_trials(finding, d) == ()


def test_findings_that_ask_for_the_same_change_share_its_experiment():
    d = sample()
    remedies = d.findings[1].remedies
    other = dataclasses.replace(d.findings[3], remedies=remedies)
    ((_, trial),) = summary.remedies_with_trials(other, d)
    assert trial.remedy_id == "missing-index/reviews(product_id)/1"


def test_a_remedy_that_no_one_tried_has_no_experiment():
    d = dataclasses.replace(sample(), trials=())
    assert {t for f in d.findings for _, t in summary.remedies_with_trials(f, d)} == {None}


@pytest.mark.parametrize("outcome", [o for o in TrialOutcome if o is not TrialOutcome.FASTER])
def test_a_saving_is_claimed_only_where_the_trial_allows_it(outcome):
    trial = dataclasses.replace(sample().trials[1], outcome=outcome)
    assert summary.gain(trial) is None


def test_an_effect_whose_interval_holds_zero_is_no_saving():
    trial = sample().trials[1]
    unsure = tuple(dataclasses.replace(e, high_s=0.001) for e in trial.effects)
    assert summary.gain(dataclasses.replace(trial, effects=unsure)) is None


def test_the_saving_of_the_finding_s_own_route_is_named_first():
    trial = sample().trials[1]
    assert summary.gain(trial, ("GET /orders",)).route == "GET /orders"
    assert summary.gain(trial).route == "GET /admin/orders"


@pytest.mark.parametrize(
    ("left", "right", "explained", "ok", "text"),
    [
        (5, 5, {}, True, "5 sent = 5 seen"),
        (5, 4, {"cut off": 1, "never": 0}, True, "5 sent and 4 seen; explained: 1 cut off"),
        (
            5,
            3,
            {"cut off": 1},
            False,
            "5 sent ≠ 3 seen; explained: 1 cut off; the difference is not explained",
        ),
    ],
)
def test_a_reconciliation_says_which_sides_differ_and_why(left, right, explained, ok, text):
    r = Reconciliation("requests", "sent", left, "seen", right, explained, ok)
    assert summary.reconciliation_words(r) == text


def test_phases_are_read_in_each_form_and_junk_is_left_aside():
    given = {
        "a": 3,
        "b": {"start_s": 1.0, "end_s": 4.5},
        "c": {"duration_s": 2.0},
        "d": "x",
        "e": True,
        "f": float("nan"),
    }
    d = dataclasses.replace(sample(), load={"phases": given})
    assert summary.phases(d) == (("a", 3.0), ("b", 3.5), ("c", 2.0))


def test_a_run_whose_responses_were_not_timed_has_no_worst_p95():
    route = dataclasses.replace(sample().routes[0], quantiles_s={}, request_count=0, breakdown_s={})
    d = dataclasses.replace(sample(), routes=(route,), trials=())
    values = {f.label: f.value for f in summary.key_figures(d)}
    assert values == {"Requests": "0", "Failed": "–", "p95 response time": "–"}


def test_an_empty_run_has_no_key_figures_and_does_not_fail():
    assert summary.key_figures(empty()) == ()
    assert summary.severity_words(empty()) == "no findings"


def test_the_command_that_reproduces_is_the_one_that_was_given_or_built_from_the_document():
    d = sample()
    assert dict(summary.commands(d))["Run it again"].endswith("--duration 60")
    built = dict(summary.commands(dataclasses.replace(d, environment={})))["Run it again"]
    assert built == "flask --app 'legacy_shop:create_app()' assay run --users 40"
