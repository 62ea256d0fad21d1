"""A recording is rendered again in each form, with what was accepted when it was made."""

import json

import pytest
from click.testing import CliRunner

from flask_assay.cli.report import command
from flask_assay.recording.directory import write_document


@pytest.fixture
def recording(tmp_path):
    write_document(tmp_path, "recording", {"schema_version": 1, "run_id": "x", "app": "shop"})
    return tmp_path


def run(*words):
    return CliRunner().invoke(command, [str(word) for word in words])


def test_sarif_and_the_page_are_written_beside_each_other(recording, tmp_path):
    done = run(recording, "--sarif", tmp_path / "f.sarif", "--html", tmp_path / "r.html")
    assert done.exit_code == 0, done.output
    assert json.loads((tmp_path / "f.sarif").read_text())["version"] == "2.1.0"
    assert "<html" in (tmp_path / "r.html").read_text()


def test_json_alone_is_printed_where_json_is_asked_for(recording):
    done = run(recording, "--json")
    assert json.loads(done.stdout)["run_id"] == "x"


def test_what_was_accepted_in_the_run_stays_accepted(recording, monkeypatch):
    write_document(
        recording, "settings", {"settings": [{"name": "allow", "value": {"a:GET /": "why"}}]}
    )
    seen = {}
    from flask_assay import diagnosis

    original = diagnosis.diagnose
    monkeypatch.setattr(
        diagnosis, "diagnose", lambda opened, allow: seen.update(allow) or original(opened)
    )
    assert run(recording).exit_code == 0
    assert seen == {"a:GET /": "why"}


def test_no_recording_is_said_in_a_sentence(tmp_path):
    done = run(tmp_path)
    assert done.exit_code == 3
    assert "is not a recording" in done.output
