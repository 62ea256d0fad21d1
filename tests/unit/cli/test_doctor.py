"""What doctor says where a run would fail."""

import pytest

from flask_assay.cli import doctor
from flask_assay.errors import ServiceError
from flask_assay.services import run_dir, space


@pytest.fixture
def somewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(run_dir, "default_base", lambda: tmp_path)
    return tmp_path


def test_a_disk_too_small_for_recordings_names_the_setting_that_helps(somewhere, monkeypatch):
    monkeypatch.setattr(space, "free_bytes", lambda _: 100_000_000)
    (check,) = doctor._places()
    assert (check.state, "ASSAY_OUTPUT" in check.todo) == ("wrong", True)
    assert check.what == f"0.1 GB free for recordings in {somewhere}"


def test_a_disk_too_small_for_servers_is_named_and_nothing_is_started(somewhere, monkeypatch):
    def refuse(_):
        raise ServiceError("0.10 GB free", todo="Set XDG_CACHE_HOME")

    monkeypatch.setattr(space, "require_space", refuse)
    (check,) = doctor._servers()
    assert (check.state, check.what) == ("wrong", "0.10 GB free")
    assert "XDG_CACHE_HOME" in check.todo


def test_no_place_for_servers_is_an_answer_like_any_other(monkeypatch):
    def refuse():
        raise ServiceError("no directory for flask-assay's servers")

    monkeypatch.setattr(run_dir, "default_base", refuse)
    (check,) = doctor._servers()
    assert check.state == "wrong"
