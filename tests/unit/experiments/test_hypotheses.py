"""Hypotheses: what can be tried, each change once."""

from dataclasses import replace

from flask_assay.experiments.hypothesis import endpoints_of, hypotheses
from flask_assay.model.effect import TrialOutcome
from flask_assay.model.finding import Finding, Remedy, Severity

INDEX = Remedy("index", {"table": "t", "columns": ["a"]}, "Create an index.")


def finding(audit, key, *remedies, routes=("GET /",)):
    return Finding(audit, key, Severity.ERROR, "t", routes=routes, remedies=remedies)


def test_a_remedy_that_no_intervention_applies_is_no_hypothesis():
    assert hypotheses([finding("a", "k", Remedy("rewrite", {}, "Think."))]) == []


def test_the_same_change_of_two_findings_is_tried_once_on_the_routes_of_both():
    (one,) = hypotheses([finding("a", "k", INDEX), finding("b", "l", INDEX, routes=("GET /x",))])
    assert one.remedy_id == "a/k/0"
    assert one.routes == {"GET /", "GET /x"}


def test_the_order_of_the_findings_is_kept():
    other = Remedy("memo", {"endpoint": "e", "statement": "s"}, "Ask once.")
    found = hypotheses([finding("a", "k", other), finding("b", "l", INDEX)])
    assert [each.remedy.intervention for each in found] == ["memo", "index"]


def test_an_untried_hypothesis_says_why():
    (one,) = hypotheses([finding("a", "k", INDEX)])
    trial = one.untried("no time")
    assert (trial.outcome, trial.reason, trial.effects) == (TrialOutcome.NOT_TRIED, "no time", ())


def test_a_change_of_one_endpoint_is_tried_on_its_own_routes_only():
    app = {
        "routes": [
            {"rule": "/a", "endpoint": "first", "methods": ["GET", "HEAD", "OPTIONS"]},
            {"rule": "/b", "endpoint": "second", "methods": ["POST", "OPTIONS"]},
        ]
    }
    keep = Remedy("keep-after-commit", {"endpoint": "second"}, "Keep it.")
    everywhere = finding("a", "k", keep, INDEX, routes=("GET /a", "POST /b"))
    one, index = hypotheses([everywhere], endpoints_of(app))
    assert one.routes == {"POST /b"}
    assert index.routes == {"GET /a", "POST /b"}
    (unknown,) = hypotheses(
        [finding("a", "k", keep, routes=("GET /x", "GET /y"))], endpoints_of({})
    )
    assert unknown.routes == {"GET /x", "GET /y"}


def test_a_remedy_of_several_statements_is_shown_by_any_of_them():
    several = replace(finding("a", "k", INDEX), sql="SELECT 1", further_sql=("SELECT 2",))
    (one,) = hypotheses([several])
    assert one.statements == {"GET /": {"SELECT 1", "SELECT 2"}}
