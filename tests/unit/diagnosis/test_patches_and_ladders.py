"""Patches and ladders of an experiment reach the document, and a damaged file does no harm."""

from dataclasses import asdict

import pytest

from flask_assay.diagnosis.trials import read_ladders, with_patches
from flask_assay.model.effect import Ladder, Rung
from flask_assay.model.finding import Finding, Remedy, Severity

LADDER = Ladder(
    ("GET /",), 0.1, 5.0, 0.95, 6,
    (Rung("a/k/0", "A", False, 0.05, 0.04, 0.06, -0.05, -0.06, -0.04, -0.05, 2.0),),
    (("b/k/0", "B"),),
)  # fmt: skip


class Recorded:
    def __init__(self, **trials):
        self.trials = trials

    def document(self, name):
        assert name == "trials"
        return self.trials


def test_a_ladder_is_read_as_it_was_written():
    assert read_ladders(Recorded(ladders=[asdict(LADDER)])) == (LADDER,)


@pytest.mark.parametrize("ladders", [None, "x", [{}], [{"rungs": 1}]])
def test_a_ladder_that_cannot_be_read_is_left_out(ladders):
    assert read_ladders(Recorded(ladders=ladders)) == ()


def test_a_patch_goes_to_its_own_remedy():
    remedies = (Remedy("batch", {}, "B"), Remedy("eager-load", {}, "E"))
    finding = Finding("a", "k", Severity.ERROR, "t", remedies=remedies)
    (found,) = with_patches([finding], Recorded(patches={"a/k/1": "--- a/x"}))
    assert [each.patch for each in found.remedies] == ["", "--- a/x"]
    assert with_patches([finding], Recorded()) == (finding,)
