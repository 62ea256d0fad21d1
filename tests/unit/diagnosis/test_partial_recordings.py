"""Whatever is missing or torn, a diagnosis comes out and no audit crashes."""

import shutil

import pytest
from tests.recordings.builder import RecordingBuilder
from tests.recordings.scenarios import SCENARIOS, surroundings

from flask_assay.diagnosis import diagnose
from flask_assay.model.finding import Outcome
from flask_assay.recording.reader import open_recording


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    build = RecordingBuilder(tmp_path_factory.mktemp("whole"))
    surroundings(build)
    for affected, _ in SCENARIOS.values():
        affected(build)
    build.write()
    return build.path


def crashed(diagnosis):
    return [(r.audit, r.reason) for r in diagnosis.results if r.outcome is Outcome.ERROR]


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.3, 0.77, 0.999])
@pytest.mark.parametrize(
    "name", ["probe-100.rows", "load-200.rows", "samples.jsonl", "events.jsonl"]
)
def test_a_file_torn_anywhere_is_survived(whole, tmp_path, name, share):
    path = shutil.copytree(whole, tmp_path / "torn") / name
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    diagnosis = diagnose(open_recording(path.parent))
    assert crashed(diagnosis) == []
    assert diagnosis.headline


@pytest.mark.parametrize(
    "name",
    ["probe-100.rows", "load-200.rows", "samples.jsonl", "events.jsonl", "tables.json", "plans.json",
     "app.json", "server.json", "environment.json"],
)  # fmt: skip
def test_a_missing_file_is_survived(whole, tmp_path, name):
    path = shutil.copytree(whole, tmp_path / "less") / name
    path.unlink()
    assert crashed(diagnose(open_recording(path.parent))) == []


@pytest.mark.parametrize(
    "value",
    [
        "[]",
        "{}",
        '{"tables": 3, "plans": "x", "routes": [1]}',
        '{"tables": [{}], "plans": [{}, 1], "engines": [2]}',
    ],
)
def test_documents_of_another_shape_are_survived(whole, tmp_path, value):
    path = shutil.copytree(whole, tmp_path / "odd")
    for name in (
        "tables",
        "plans",
        "app",
        "server",
        "environment",
        "statements",
        "trials",
        "settings",
    ):
        (path / f"{name}.json").write_text(value)
    assert crashed(diagnose(open_recording(path))) == []
