"""What fits into the time of an experiment: the dearest findings first, and nothing silently."""

from flask_assay.experiments.arms import BASE, NULL, arms_of, combinations_of
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.schedule import LEAST_REMEDIES, schedule
from flask_assay.model.finding import Remedy


def hypothesis(number, *routes):
    remedy = Remedy("keep-after-commit", {"endpoint": str(number)}, f"Do {number}.")
    return Hypothesis(f"audit/{number}/0", remedy, frozenset(routes), number)


def planned(wanted, *, launch_s, request_s=0.02, more=()):
    routes = sorted({route for each in wanted for route in each.routes})
    seconds = dict.fromkeys(routes, request_s)
    arms = [*arms_of(wanted, routes), *more]
    return arms, schedule(arms, wanted, seconds, launch_s=launch_s)


def names(plan):
    return [arm.name for arm in plan.arms]


def test_with_time_for_all_every_arm_is_measured():
    wanted = [hypothesis(n, f"GET /{n // 2}") for n in range(4)]
    arms, plan = planned(wanted, launch_s=4)
    assert list(plan.arms) == list(arms)
    assert (plan.left_out, plan.combinations_left_out) == ((), 0)


def test_combinations_go_first_and_the_cheapest_findings_next():
    wanted = [hypothesis(n, f"GET /{n // 3}") for n in range(12)]
    ratios = {(each.remedy_id, route): -0.5 for each in wanted for route in each.routes}
    arms, plan = planned(wanted, launch_s=1.5, more=combinations_of(wanted, ratios))
    kept = [arm.remedies for arm in plan.arms if len(arm.remedies) == 1]
    assert plan.left_out
    assert plan.combinations_left_out == sum(len(arm.remedies) > 1 for arm in arms) > 0
    left = [each.remedy_id for each in wanted if (each.remedy_id,) in kept]
    assert [*left, *plan.left_out] == [each.remedy_id for each in wanted]


def test_base_and_null_stay_on_the_routes_that_are_left_only():
    wanted = [hypothesis(n, f"GET /{n}") for n in range(20)]
    _, plan = planned(wanted, launch_s=0.1)
    assert names(plan) == [BASE, NULL, *(f"audit/{n}/0" for n in range(LEAST_REMEDIES))]
    base = plan.arms[0]
    assert base.routes == plan.arms[1].routes == {f"GET /{n}" for n in range(LEAST_REMEDIES)}


def test_a_write_takes_time_in_all_arms():
    wanted = [hypothesis(0, "POST /0"), *(hypothesis(n, f"GET /{n}") for n in range(1, 12))]
    read_only = [hypothesis(0, "GET /0"), *wanted[1:]]
    assert planned(read_only, launch_s=4)[1].left_out == ()
    assert planned(wanted, launch_s=4)[1].left_out
