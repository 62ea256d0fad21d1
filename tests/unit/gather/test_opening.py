"""A recording says why it ended early; one in which nothing was measured is removed."""

import pytest

from flask_assay.config.resolve import resolve
from flask_assay.errors import InterruptedRunError, LoadError, ServiceError, UsageError
from flask_assay.gather.opening import (
    NEEDED_FOR_RECORDING,
    _close,
    _new_recording,
    has_begun,
    write_status,
)
from flask_assay.recording.directory import append_line
from flask_assay.recording.reader import open_recording


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def recording(project):
    path = _new_recording(resolve({}, {}, project), "1a2b3c4d", lambda _: 10**12)
    write_status(path, "shop", "1a2b3c4d", "running", "")
    return path


def test_recordings_are_ignored_by_git(project, recording):
    assert (recording.parent / ".gitignore").read_text() == "*\n"


def test_without_room_no_recording_is_begun(project):
    with pytest.raises(ServiceError, match=r"0\.20 GB free at .*: a recording needs"):
        _new_recording(resolve({}, {}, project), "1a2b3c4d", lambda _: NEEDED_FOR_RECORDING - 1)
    assert list((project / ".assay").iterdir()) == []


def test_an_output_that_can_not_be_made_is_a_usage_error(project):
    (project / "file").write_text("")
    settings = resolve({"output": "file/below"}, {}, project)
    with pytest.raises(UsageError, match="output = 'file/below': Not a directory"):
        _new_recording(settings, "1a2b3c4d", lambda _: 10**12)


def test_an_end_before_the_load_leaves_nothing(recording):
    error = InterruptedRunError("interrupted")
    _close(recording, error)
    assert not recording.exists()
    assert "there is no report" in error.why


def test_an_end_in_the_load_keeps_what_was_recorded_and_says_where(recording):
    append_line(recording, "events.jsonl", {"event": "phase", "phase": "warm-up"})
    assert has_begun(recording)
    error = LoadError("every request failed: 9 of 9", todo="Mend it.")
    _close(recording, error)
    manifest = open_recording(recording).manifest
    assert (manifest["status"], manifest["status_reason"]) == ("partial", error.what)
    assert error.todo.splitlines()[0] == "Mend it."
    assert f"flask assay report .assay/{recording.name}" in error.todo


def test_a_complete_recording_stays_complete(recording):
    append_line(recording, "events.jsonl", {"event": "phase", "phase": "warm-up"})
    before = open_recording(recording).manifest["started_at"]
    write_status(recording, "shop", "1a2b3c4d", "complete", "")
    _close(recording, ValueError("in an experiment"))
    manifest = open_recording(recording).manifest
    assert (manifest["status"], manifest["started_at"]) == ("complete", before)


def test_a_bug_of_ours_says_where_the_recording_is(recording):
    append_line(recording, "events.jsonl", {"event": "phase", "phase": "warm-up"})
    error = ZeroDivisionError("ours")
    _close(recording, error)
    assert f"flask assay report .assay/{recording.name}" in error.__notes__[0]
