"""Arms: each remedy alone, and those that help together where they share a route."""

from flask_assay.experiments.arms import arms_of, combinations_of
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.model.finding import Remedy


def hypothesis(name, *routes, intervention="memo"):
    return Hypothesis(name, Remedy(intervention, {}, name), frozenset(routes), number=ord(name[0]))


def together(helping, ratios):
    return {arm.name: "".join(sorted(arm.routes)) for arm in combinations_of(helping, ratios)}


def test_each_remedy_is_first_tried_alone():
    arms = arms_of([hypothesis("a", "r", "s"), hypothesis("b", "r"), hypothesis("c", "t")], "rst")
    assert {arm.name: "".join(sorted(arm.routes)) for arm in arms} == {
        "base": "rst",
        "null": "rst",
        "a": "rs",
        "b": "r",
        "c": "t",
    }


def test_remedies_that_help_on_one_route_meet_there_and_others_do_not():
    helping = [hypothesis("a", "r", "s"), hypothesis("b", "r"), hypothesis("c", "t")]
    ratios = {("a", "r"): -0.2, ("a", "s"): -0.1, ("b", "r"): -0.5, ("c", "t"): -0.5}
    assert together(helping, ratios) == {"a + b": "r"}
    assert together(helping, {key: x for key, x in ratios.items() if key != ("a", "r")}) == {}


def test_of_many_on_one_route_the_best_are_joined_one_by_one():
    helping = [hypothesis(name, "r") for name in "abcde"]
    ratios = {
        ("a", "r"): -0.1,
        ("b", "r"): -0.5,
        ("c", "r"): -0.4,
        ("d", "r"): -0.2,
        ("e", "r"): -0.3,
    }
    assert list(together(helping, ratios)) == [
        "b + c",
        "b + c + e",
        "b + c + d + e",
        "a + b + c + d + e",
    ]


def test_what_no_rewrite_needs_to_reach_is_not_combined():
    helping = [hypothesis("a", "r"), hypothesis("b", "r", intervention="offload")]
    assert together(helping, {("a", "r"): -0.5, ("b", "r"): -0.5}) == {}


def test_an_arm_learns_if_one_of_its_remedies_does():
    wanted = [hypothesis("a", "r"), hypothesis("b", "r", intervention="batch")]
    assert [arm.name for arm in arms_of(wanted, ["r"]) if arm.learns] == ["b"]
    (both,) = combinations_of(wanted, {("a", "r"): -0.5, ("b", "r"): -0.5})
    assert both.learns
