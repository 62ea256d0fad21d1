"""A run that is limited plans each pass from what is left, and says what it left out."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from flask_assay.config.resolve import resolve
from flask_assay.gather.allotment import allotted_s, leave_out, steady_s, time_is_short
from flask_assay.model.deadline import Deadline


class Clock:
    def __init__(self):
        self.now_s = 0.0

    def monotonic_ns(self):
        return int(self.now_s * 1e9)


@pytest.fixture
def lab(tmp_path):
    """What of a lab the plan of a run's time asks for."""

    def make(left_s, **options):
        settings = resolve({"quick": True} | options, {}, Path("/"))
        deadline = None if left_s is None else Deadline.after(Clock(), left_s)
        return SimpleNamespace(settings=settings, deadline=deadline, recording=tmp_path)

    return make


def test_a_run_without_limit_takes_what_it_wants(lab):
    free = lab(None)
    assert steady_s(free) == 15.0
    assert allotted_s(free, 10.0, 0.1) == 10.0
    assert not time_is_short(free, 1e9)


def test_a_quick_run_is_limited_and_a_slow_machine_shortens_its_load(lab):
    assert lab(None).settings.number("total_s") == 80.0
    assert lab(None, quick=False).settings.number("total_s") == 0.0
    assert steady_s(lab(68.0)) == 15.0
    assert steady_s(lab(40.0)) == 9.0
    assert steady_s(lab(10.0)) == 5.0


def test_a_load_that_somebody_asked_for_is_not_shortened(lab):
    assert steady_s(lab(10.0, duration_s=30.0)) == 30.0


def test_a_pass_takes_no_more_than_its_share(lab):
    assert allotted_s(lab(50.0), 10.0, 0.1) == 5.0
    assert allotted_s(lab(50.0), 3.0, 0.1) == 3.0
    assert time_is_short(lab(50.0), 60.0)
    assert not time_is_short(lab(50.0), 40.0)


def test_what_is_left_out_stands_in_the_report(lab, tmp_path):
    leave_out(lab(1.0), "where CPU goes")
    (line,) = (tmp_path / "events.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told["event"] == "incident"
    assert told["text"] == (
        "Left out, as the run was to end within 80 s (--total-s): where CPU goes."
    )
