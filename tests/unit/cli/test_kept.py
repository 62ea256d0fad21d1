"""``flask assay kept``: which database is meant."""

import os

import pytest
from click.testing import CliRunner

from flask_assay.cli.kept import command


@pytest.fixture
def called(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: CliRunner().invoke(command, arguments)


def keep(directory, *names):
    place = directory / ".assay" / "kept"
    place.mkdir(parents=True)
    for age, name in enumerate(names):
        path = place / f"{name}.sql"
        path.touch()
        os.utime(path, (1e9 - age, 1e9 - age))


def test_what_was_kept_is_listed_newest_first(tmp_path, called):
    keep(tmp_path, "test_b", "test_a")
    lines = called().output.splitlines()
    assert [line.split()[-1] for line in lines] == ["test_b", "test_a"]


def test_nothing_kept_is_explained(called):
    result = called()
    assert result.exit_code == 2
    assert "there is no database in" in result.output
    assert "--assay-keep-failed" in result.output


@pytest.mark.parametrize(("name", "many"), [("test", "2"), ("nothing", "none")])
def test_a_name_that_does_not_say_which_one_is_refused_with_those_there_are(
    tmp_path, called, name, many
):
    keep(tmp_path, "test_b", "test_a")
    result = called(name)
    assert result.exit_code == 2
    assert f"names of {many} of the databases" in result.output
    assert "  test_a" in result.output
