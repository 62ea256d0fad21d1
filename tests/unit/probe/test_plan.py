from pathlib import Path

import pytest

from flask_assay.errors import UsageError
from flask_assay.probe import ProbePlan


def test_a_plan_survives_the_journey_through_json():
    plan = ProbePlan(
        Path("/r"), Path("/p"), Path("/s"), sensors=("requests",), salt="x", stacks=True
    )
    assert ProbePlan.from_json(plan.to_json()) == plan


def test_a_plan_without_private_directory_survives_too():
    plan = ProbePlan(Path("/r"), Path("/p"))
    assert ProbePlan.from_json(plan.to_json()) == plan


def test_an_unknown_sensor_is_refused_by_name():
    with pytest.raises(UsageError, match="unknown sensor 'thermometer'"):
        ProbePlan(Path("/r"), Path("/p"), sensors=("thermometer",))


@pytest.mark.parametrize("text", ["", "[]", "{}", "7", '{"recording_dir": 7}'])
def test_what_is_not_a_plan_is_refused(text):
    with pytest.raises(UsageError, match="not a probe plan"):
        ProbePlan.from_json(text)
