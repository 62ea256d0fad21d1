"""The speedscope file, held to the fields of speedscope's published file format."""

import json

from tests.golden.sample import sample

from flask_assay.model.document import Profile
from flask_assay.report import speedscope

UNITS = {"none", "nanoseconds", "microseconds", "milliseconds", "seconds", "bytes"}


def check(data):
    """Assert what speedscope's file-format-spec.ts asks of a file with sampled profiles."""
    assert data["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert isinstance(data["version"], str)
    assert isinstance(data["name"], str)
    assert isinstance(data["activeProfileIndex"], int)
    for frame in data["shared"]["frames"]:
        assert isinstance(frame["name"], str)
        assert set(frame) <= {"name", "file", "line", "col"}
        assert isinstance(frame.get("line", 1), int)
    for profile in data["profiles"]:
        assert set(profile) == {
            *("type", "name", "unit", "startValue", "endValue", "samples", "weights")
        }
        assert profile["type"] == "sampled"
        assert profile["unit"] in UNITS
        assert profile["endValue"] >= profile["startValue"]
        assert len(profile["samples"]) == len(profile["weights"])
        count = len(data["shared"]["frames"])
        assert all(0 <= frame < count for stack in profile["samples"] for frame in stack)


def test_the_file_is_of_the_published_format():
    data = json.loads(speedscope.render(sample().profile, name="shop"))
    check(data)
    assert [one["name"] for one in data["profiles"]] == [
        "search.suggest GET /search/suggest",
        "(no endpoint)",
        "static",
    ]
    assert data["shared"]["frames"][1] == {
        "name": "distance",
        "file": "legacy_shop/text.py",
        "line": 10,
    }
    assert data["shared"]["frames"][3] == {"name": "sqlalchemy:Session.execute"}
    assert data["profiles"][0]["endValue"] == 4.2


def test_a_profile_without_samples_is_a_file_as_well():
    check(json.loads(speedscope.render(Profile(), name="")))
