"""Worktrees: the user's repository is read, never changed."""

import subprocess

import pytest

from flask_assay.errors import UsageError
from flask_assay.services.git import uncommitted, worktree

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


def test_a_worktree_has_the_tree_as_it_is_and_is_removed_at_the_end(project, tmp_path):
    (project / "gone.py").write_text("gone\n")
    (project / ".gitignore").write_text("ignored.py\ninstance\n__pycache__\n.assay\n")
    git(project, "add", "-A")
    git(project, *IDENTITY, "commit", "-qm", "two")
    (project / "gone.py").unlink()
    (project / "app.py").write_bytes(b"edited\r\n")
    (project / "ignored.py").write_text("ignored\n")
    for name in ("instance", "__pycache__", ".assay"):
        (project / name).mkdir()
        (project / name / "key").write_text(name)
    (project.parent / "new").mkdir()
    (project.parent / "new" / "caf\u00e9.py").write_bytes(b"x = '\xe9'\n")
    before = git(project, "status", "--porcelain")
    assert uncommitted(project) == ["backend/app.py", "backend/gone.py", "new/caf\u00e9.py"]
    with worktree(project, tmp_path / "w") as directory:
        assert directory == tmp_path / "w" / "backend"
        assert (directory / "app.py").read_bytes() == b"edited\r\n"
        assert (directory.parent / "new" / "caf\u00e9.py").read_bytes() == b"x = '\xe9'\n"
        assert not (directory / "gone.py").exists()
        assert (directory / "ignored.py").read_text() == "ignored\n"
        assert (directory / "instance" / "key").read_text() == "instance"
        assert not (directory / "__pycache__").exists()
        assert not (directory / ".assay").exists()
        (directory / "app.py").write_text("patched\n")
    assert not (tmp_path / "w").exists()
    assert len(git(project, "worktree", "list").splitlines()) == 1
    assert (project / "app.py").read_bytes() == b"edited\r\n"
    assert git(project, "status", "--porcelain") == before
    assert (project / "instance" / "key").read_text() == "instance"
    assert (project / "ignored.py").read_text() == "ignored\n"
    assert not (tmp_path / "hook-ran").exists()


def test_it_is_removed_when_the_work_in_it_fails(project, tmp_path):
    with pytest.raises(ZeroDivisionError), worktree(project, tmp_path / "w"):
        raise ZeroDivisionError
    assert len(git(project, "worktree", "list").splitlines()) == 1


def test_a_directory_in_no_repository_is_refused(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    with pytest.raises(UsageError, match="rev-parse") as told, worktree(tmp_path, tmp_path / "w"):
        pass
    assert "git repository" in told.value.todo
