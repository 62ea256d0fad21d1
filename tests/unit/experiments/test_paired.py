"""The two halves of an experiment: alone first, together what helps, nothing for what is settled."""

import random
from dataclasses import replace
from types import SimpleNamespace

import pytest
from tests.unit.experiments.simulated import QUIET, launches

from flask_assay.experiments.arms import arms_of
from flask_assay.experiments.hypothesis import Hypothesis
from flask_assay.experiments.launch import Bench, LaunchResult
from flask_assay.experiments.paired import Paired, _affordable, _why_unmeasured
from flask_assay.experiments.rehearsal import Rehearsal
from flask_assay.model.clock import SystemClock
from flask_assay.model.effect import OracleVerdict
from flask_assay.model.finding import Remedy

ROUTES = ("GET /0", "GET /1")


class Copies:
    def give(self, arms, on_step):
        return list(arms)


def hypothesis(name, number, intervention="index"):
    return Hypothesis(name, Remedy(intervention, {}, name), frozenset({f"GET /{name[0]}"}), number)


@pytest.fixture
def half():
    """The first half of an experiment: remedies, and what its launches showed."""

    def make(wanted, ratios, **changed):
        lab = SimpleNamespace(settings=SimpleNamespace(integer=lambda name: 1))
        recording = SimpleNamespace(requests=[])
        paired = Paired(lab, recording, wanted, {}, SystemClock(), lambda text: None)
        arms = arms_of(wanted, ROUTES)
        made = launches(random.Random(1), ratios, routes=2, count=3, **QUIET | {"pairs": 40})
        given = {"exchange_s": dict.fromkeys(ROUTES, 0.01), "spent_s": 60.0} | changed
        results = [LaunchResult(each.pairs, **{"verdicts": {}} | given) for each in made]
        bench = Bench(None, None, (), tuple(arms), {}, SystemClock())
        seen = Rehearsal(dict.fromkeys(ROUTES, ()), {}, tuple(wanted), {})
        return paired, bench, seen, results

    return make


def names(bench):
    return {arm.name for arm in bench.arms}


def test_remedies_that_help_on_one_route_are_tried_together(half):
    wanted = [hypothesis("0a", 0), hypothesis("0b", 1), hypothesis("1a", 2), hypothesis("1b", 3)]
    paired, bench, seen, results = half(wanted, {"0a": 0.5, "0b": 0.6, "1a": 0.5, "1b": 1.0})
    further, left_out = paired._further(Copies(), seen, bench, results)
    assert {"0a", "0b", "0a + 0b", "1a"} < names(further)
    assert not any("1a + 1b" in name for name in names(further))
    assert left_out == 0


def test_nothing_more_is_measured_where_nothing_is_open(half):
    wanted = [hypothesis("0a", 0), hypothesis("1b", 1)]
    paired, bench, seen, results = half(wanted, {"0a": 0.5, "1b": 3.0})
    further, _ = paired._further(Copies(), seen, bench, results)
    assert further.arms == ()


def test_what_was_refused_or_saved_no_statement_leaves_at_once(half):
    wanted = [hypothesis("0a", 0, "batch"), hypothesis("0b", 1, "memo"), hypothesis("1a", 2)]
    statements = {("0a", "GET /0"): (31.0, 31.0), ("0b", "GET /0"): (31.0, 8.0)}
    verdicts = {("1a", "GET /1"): (OracleVerdict.DIFFERENT, "status")}
    paired, bench, _, results = half(
        wanted, {"0a": 1.0, "0b": 0.5, "1a": 0.5}, statements=statements, verdicts=verdicts
    )
    lighter = paired._lighter(bench, results, 60.0)
    assert names(lighter) == {"base", "null", "0b"}
    assert "31 statements ran with it and without" in paired._useless["0a"]


def test_boots_take_less_than_half_of_the_time_or_there_are_the_fewest_that_can_claim():
    assert _affordable(6, left_s=60.0, overhead_s=2.0) == 6
    assert _affordable(6, left_s=20.0, overhead_s=2.0) == 5
    assert _affordable(6, left_s=20.0, overhead_s=9.0) == 4


def test_a_remedy_of_many_routes_is_measured_where_most_time_went(half):
    everywhere = Hypothesis("a", Remedy("index", {}, "a"), frozenset(f"GET /{n}" for n in range(9)))
    paired, _, _, _ = half([everywhere], {"0a": 1.0})
    rows = [SimpleNamespace(route=f"GET /{n % 9}", wall_ns=n) for n in range(40)]
    paired._recording = SimpleNamespace(requests=rows)
    seen = Rehearsal({}, {}, (everywhere,), {})
    (kept,) = paired._where_it_matters(seen)
    assert kept.routes == {"GET /0", "GET /1", "GET /2", "GET /3"}


def test_requests_that_no_launch_had_time_for_are_not_called_unanswerable():
    asked, unasked = hypothesis("0a", 0), hypothesis("1a", 1)
    seen = Rehearsal(dict.fromkeys(ROUTES, ()), {}, (asked, unasked), {})
    results = [LaunchResult({}, {}, exchange_s={"GET /0": 0.01}) for _ in range(3)]
    assert "not answered" in _why_unmeasured(asked, seen, results)
    assert "no time was left" in _why_unmeasured(unasked, seen, results)
    assert "--experiment-s" in _why_unmeasured(unasked, seen, results)
    assert "only one launch" in _why_unmeasured(asked, seen, results[:1])
    limited = [replace(each, limited=frozenset({"GET /0"})) for each in results]
    assert "429" in _why_unmeasured(asked, seen, limited)
