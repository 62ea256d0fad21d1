import json
import os
from pathlib import Path

import pytest

from flask_assay.errors import ServiceError
from flask_assay.services import run_dir, space
from flask_assay.services.processes import identify
from flask_assay.services.run_dir import RunDirectory, private_directory, read_owner


@pytest.fixture
def plain_user(monkeypatch):
    """As for a user who is not root: nobody else needs to enter."""
    monkeypatch.setattr(run_dir, "service_user", lambda: None)


def test_a_run_says_who_owns_it(tmp_path, plain_user):
    with RunDirectory.create(tmp_path / "base") as run:
        facts = read_owner(run.path)
        assert facts.run_id == run.run_id == run.path.name
        assert facts.owner == identify(os.getpid())
        assert facts.nonce == run.nonce
        assert len(run.nonce) == 32
        assert run.private.stat().st_mode & 0o777 == 0o700


def test_two_runs_have_nothing_in_common_but_the_cache(tmp_path, plain_user):
    with RunDirectory.create(tmp_path / "b") as one, RunDirectory.create(tmp_path / "b") as two:
        assert one.cache == two.cache
        for name in ("path", "run_id", "nonce", "sockets", "data", "logs"):
            assert getattr(one, name) != getattr(two, name)


def test_closing_twice_is_closing_once(tmp_path, plain_user):
    run = RunDirectory.create(tmp_path / "base")
    run.close()
    assert not run.path.exists()
    assert not run.is_open
    run.close()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", json.dumps({"owner": {"pid": 1}})])
def test_an_owner_file_that_is_not_whole_names_nobody(tmp_path, text):
    (tmp_path / "owner.json").write_text(text)
    assert read_owner(tmp_path) is None


def test_a_link_in_the_place_of_a_private_directory_is_refused(tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with pytest.raises(ServiceError, match="not a directory of ours"):
        private_directory(tmp_path / "link")


def test_the_configured_cache_comes_first(tmp_path, monkeypatch, plain_user):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert run_dir.default_base() == tmp_path / "xdg" / "flask-assay"


def test_without_it_the_home_is_used(tmp_path, monkeypatch, plain_user):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert run_dir.default_base() == tmp_path / ".cache" / "flask-assay"


def test_a_home_that_cannot_be_made_falls_back_to_the_temporary_directory(
    tmp_path, monkeypatch, plain_user
):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", "relative/paths/do/not/count")
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(run_dir.tempfile, "gettempdir", lambda: str(tmp_path))
    assert run_dir.default_base() == tmp_path / f"flask-assay-{os.geteuid()}"


def test_no_usable_place_lists_what_was_tried(tmp_path, monkeypatch, plain_user):
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("HOME", str(tmp_path / "file"))
    monkeypatch.setattr(run_dir.tempfile, "gettempdir", lambda: str(tmp_path / "file"))
    with pytest.raises(ServiceError, match="no directory for flask-assay's servers") as caught:
        run_dir.default_base()
    assert str(tmp_path / "file") in caught.value.why


def test_enough_space_passes_in_silence(tmp_path):
    space.require_space(tmp_path, free_space=lambda _: space.NEEDED_BYTES)
    assert space.free_bytes(Path("/")) >= 0


def test_too_little_space_names_place_cause_and_remedy(tmp_path):
    with pytest.raises(ServiceError) as caught:
        space.require_space(tmp_path, needed_bytes=2_000_000_000, free_space=lambda _: 10**9)
    assert caught.value.what == f"1.00 GB free at {tmp_path}: a run needs 2.00 GB"
    assert "panic" in caught.value.why
    assert "XDG_CACHE_HOME" in caught.value.todo
