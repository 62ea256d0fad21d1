"""Arms: each remedy alone, and together with those of the same route."""

from flask_assay.experiments.arms import arms_of
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.model.finding import Remedy


def hypothesis(name, *routes, intervention="memo"):
    return Hypothesis(name, Remedy(intervention, {}, name), frozenset(routes))


def test_remedies_of_one_route_meet_and_others_do_not():
    arms = arms_of([hypothesis("a", "r", "s"), hypothesis("b", "r"), hypothesis("c", "t")], "rst")
    assert {arm.name: "".join(sorted(arm.routes)) for arm in arms} == {
        "base": "rst",
        "null": "rst",
        "a": "rs",
        "b": "r",
        "c": "t",
        "a + b": "r",
    }


def test_many_remedies_of_a_route_are_tried_alone_and_in_order():
    arms = arms_of([hypothesis(name, "r") for name in "abcde"], ["r"])
    together = [arm.name for arm in arms if len(arm.remedies) > 1]
    assert together == ["a + b", "a + b + c", "a + b + c + d", "a + b + c + d + e"]


def test_an_arm_learns_if_one_of_its_remedies_does():
    arms = arms_of([hypothesis("a", "r"), hypothesis("b", "r", intervention="batch")], ["r"])
    assert [arm.name for arm in arms if arm.learns] == ["b", "a + b"]
