from pathlib import Path

import pytest

from flask_assay.errors import LoadError, UsageError
from flask_assay.load.plan import Exchange, Journey, LoadPlan
from flask_assay.model.owned import AllowedTarget


def plan(**more):
    settings = {
        "recording_dir": Path("r"),
        "work_dir": Path("w"),
        "target": AllowedTarget("http", "127.0.0.1", 8000, "started by this test"),
        "project_root": Path(),
        "journeys": (Journey("/", "GET", (Exchange("/", {"A": "b"}, "body"),), 2.0),),
    }
    return LoadPlan(**{**settings, **more})


def test_a_plan_survives_json():
    given = plan(model="open", rate=12.5, arrivals="poisson", tags=("a",), private_dir=Path("p"))
    assert LoadPlan.from_json(given.to_json()) == given
    by_file = plan(journeys=(), locustfile=Path("l.py"), user_classes=("A",))
    assert LoadPlan.from_json(by_file.to_json()) == by_file


@pytest.mark.parametrize(
    ("more", "told"),
    [
        ({"users": 0}, "--users 0: at least one"),
        ({"model": "open"}, "--rate None: an arrival rate is in requests per second"),
        ({"model": "open", "rate": 0}, "--rate 0: .* must be above 0"),
        ({"rate": 5}, "belongs to the open model"),
        ({"steady_s": 0}, "--duration 0"),
        ({"journeys": ()}, "a locustfile or journeys"),
        ({"locustfile": Path("l.py")}, "one of them, and not both"),
        ({"think_time_s": (2, 1)}, "think time 2..1 s"),
        ({"warm_up_s": -1}, "negative"),
    ],
)
def test_a_value_out_of_range_is_named(more, told):
    with pytest.raises(UsageError, match=told):
        plan(**more)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"users": 1, "colour": "red"}'])
def test_what_is_no_plan_is_refused(text):
    with pytest.raises(LoadError, match="not a load plan of this version"):
        LoadPlan.from_json(text)
