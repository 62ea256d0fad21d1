"""Worktrees: the user's repository is read, never changed."""

import subprocess

import pytest

from flask_assay.errors import UsageError
from flask_assay.services.git import committed, worktree

IDENTITY = ("-c", "user.name=x", "-c", "user.email=x@example.invalid")


def git(directory, *words):
    done = subprocess.run(
        ["git", *words], cwd=directory, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def project(tmp_path):
    """A project in a folder of its repository, with a hook that would run in a worktree."""
    project = tmp_path / "repository" / "backend"
    project.mkdir(parents=True)
    (project / "app.py").write_text("committed\n")
    git(project.parent, "init", "-q")
    git(project.parent, "add", "-A")
    git(project.parent, *IDENTITY, "commit", "-qm", "one")
    hook = project.parent / ".git" / "hooks" / "post-checkout"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text(f"#!/bin/sh\ntouch {tmp_path}/hook-ran\n")
    hook.chmod(0o755)
    return project


def test_a_worktree_has_the_last_commit_and_is_removed_at_the_end(project, tmp_path):
    (project / "app.py").write_text("edited\n")
    with worktree(project, tmp_path / "w") as directory:
        assert directory == tmp_path / "w" / "backend"
        assert (directory / "app.py").read_text() == "committed\n"
        (directory / "app.py").write_text("patched\n")
    assert not (tmp_path / "w").exists()
    assert len(git(project, "worktree", "list").splitlines()) == 1
    assert (project / "app.py").read_text() == "edited\n"
    assert not (tmp_path / "hook-ran").exists()


def test_it_is_removed_when_the_work_in_it_fails(project, tmp_path):
    with pytest.raises(ZeroDivisionError), worktree(project, tmp_path / "w"):
        raise ZeroDivisionError
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_what_is_committed_is_told_from_what_is_not(project):
    (project / "app.py").write_text("edited\n")
    (project / "new.py").write_text("new\n")
    assert committed(project, "app.py") == "committed\n"
    assert committed(project, "new.py") is None


def test_a_directory_in_no_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="rev-parse") as told, worktree(tmp_path, tmp_path / "w"):
        pass
    assert "git repository" in told.value.todo
