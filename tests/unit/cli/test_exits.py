"""Errors become messages and exit codes in one place."""

import click
import pytest
from click.testing import CliRunner

from flask_assay.cli.exits import guarded, working_directory
from flask_assay.errors import (
    AssayError,
    InterruptedRunError,
    MissingExtraError,
    NotOursError,
    TargetError,
    UsageError,
)


def run(error):
    @click.command()
    @guarded
    def command():
        raise error

    return CliRunner().invoke(command)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (UsageError("u"), 2),
        (MissingExtraError("locust", extra="run", purpose="load"), 2),
        (TargetError("t"), 3),
        (NotOursError("n"), 3),
        (AssayError("a"), 3),
        (InterruptedRunError("i"), 130),
        (KeyboardInterrupt(), 130),
        (PermissionError(13, "Permission denied", "/x"), 3),
        (ZeroDivisionError("oops"), 3),
    ],
)
def test_every_error_has_its_exit_code_and_no_traceback(error, code):
    result = run(error)
    assert result.exit_code == code
    assert "Traceback" not in result.output


def test_an_error_tells_what_why_and_what_to_do():
    output = run(UsageError("what", why="because", todo="do this")).output
    assert output.splitlines() == ["Error: what", "", "because", "", "do this"]


def test_a_bug_of_ours_is_owned():
    assert "bug of flask-assay" in run(ZeroDivisionError("oops")).output


def test_a_system_error_names_the_file():
    assert "/x" in run(PermissionError(13, "Permission denied", "/x")).output


def test_a_bug_of_ours_tells_what_was_kept():
    error = ZeroDivisionError("oops")
    error.add_note("What was recorded until then: flask assay report x")
    assert "flask assay report x" in run(error).output


def test_an_interrupt_is_no_error():
    output = run(InterruptedRunError("interrupted", why="Nothing was measured yet.")).output
    assert output.splitlines() == ["interrupted", "", "Nothing was measured yet."]


def test_a_directory_that_vanished_is_a_usage_error(tmp_path, monkeypatch):
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(UsageError, match="does not exist any more"):
        working_directory()
