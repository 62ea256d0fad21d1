import json
import os
import signal
from pathlib import Path

import pytest

from flask_assay.services import extinction, fork_guard, launcher, watchdog
from flask_assay.services.launcher import LaunchOrder
from flask_assay.services.processes import Identity, ProcessRow, boot_id
from flask_assay.services.registrations import Registration, read_registrations, register
from flask_assay.services.segments import release_segments
from flask_assay.services.watchdog import Watch

ME = Identity(10, "5", boot_id())


def test_an_order_survives_its_command_line():
    order = LaunchOrder("n", ["a", "b c"], "/r", 1, 3, is_tied=True, uid=5, gid=6)
    assert LaunchOrder.from_json(order.to_json()) == order
    watch = Watch("/r", "0123abcd", "/r/s", ME, 7)
    assert Watch.from_json(watch.to_json()) == watch


def test_registrations_are_read_back_and_torn_ones_left_out(tmp_path):
    entry = Registration("postgres", ME, int(signal.SIGQUIT), 9)
    register(tmp_path, entry)
    (tmp_path / "11.json").write_text('{"name": "val')
    (tmp_path / "12.json").write_text(json.dumps({"name": "x"}))
    assert read_registrations(tmp_path) == [entry]


@pytest.mark.parametrize(
    ("session", "boot", "found"), [(9, ME.boot, {11}), (8, ME.boot, set()), (9, "other", set())]
)
def test_a_dead_leaders_group_is_ours_only_in_its_session_and_boot(session, boot, found):
    rows = {11: ProcessRow(11, 1, 10, session, "6", "S"), 12: ProcessRow(12, 1, 12, 9, "6", "S")}
    entry = Registration("gunicorn", Identity(10, "5", boot), 15, 9)
    assert extinction._of_one(rows, entry) == found


def test_a_recycled_leader_stands_for_nobody():
    rows = {10: ProcessRow(10, 1, 10, 9, "99", "S"), 11: ProcessRow(11, 10, 10, 9, "99", "S")}
    assert extinction._of_one(rows, Registration("gunicorn", ME, 15, 9)) == set()


class Stop(Exception):
    pass


@pytest.fixture
def launch(tmp_path, monkeypatch):
    """Run the launcher up to the point where it would change user or become the program."""
    done = []
    for name in ("setgroups", "setgid", "setuid"):
        monkeypatch.setattr(launcher.os, name, lambda value, name=name: done.append((name, value)))

    def execvp(program, argv):
        done.append(("exec", argv))
        raise FileNotFoundError(2, "No such file or directory")

    monkeypatch.setattr(launcher.os, "execvp", execvp)
    monkeypatch.setattr(launcher, "_prctl", lambda: lambda *words: done.append(("prctl", words)))

    def run(**changes):
        fields = {"parent": os.getppid(), "end_signal": 3, "is_tied": True, "uid": 5, "gid": 6}
        order = LaunchOrder(name="n", argv=["x"], registry=str(tmp_path), **{**fields, **changes})
        monkeypatch.setattr(launcher.sys, "argv", ["launcher", order.to_json()])
        with pytest.raises(SystemExit) as caught:
            launcher.main()
        return caught.value.code, done, read_registrations(tmp_path)

    return run


def test_the_launcher_ties_itself_to_the_parent_after_dropping_root(launch):
    code, done, (entry,) = launch()
    assert code == launcher.NOT_EXECUTABLE
    assert [name for name, _ in done] == ["setgroups", "setgid", "setuid", "prctl", "exec"]
    assert done[3] == ("prctl", (launcher.PR_SET_PDEATHSIG, 3, 0, 0, 0))
    assert entry.identity.pid == os.getpid()


def test_a_launcher_whose_parent_is_gone_starts_nothing(launch):
    code, done, _ = launch(parent=1 if os.getppid() != 1 else 2)
    assert code == launcher.PARENT_GONE
    assert "exec" not in [name for name, _ in done]


def test_a_thread_that_may_end_is_not_what_a_process_is_tied_to(launch):
    _, done, _ = launch(is_tied=False, uid=None, gid=None)
    assert [name for name, _ in done] == ["exec"]


@pytest.mark.parametrize(("word", "is_dismissed"), [(watchdog.DISMISSED, True), (b"", False)])
def test_the_watchdog_tells_a_dismissal_from_a_death(word, is_dismissed):
    reading, writing = os.pipe()
    os.write(writing, word) if word else None
    os.close(writing)
    watch = Watch("/r", "0", "/r/s", ME, reading)
    assert watchdog._is_dismissed(watch) is is_dismissed
    os.close(reading)


def test_an_owner_that_is_gone_ends_the_watch_though_the_pipe_is_open(monkeypatch):
    monkeypatch.setattr(watchdog, "LOOK_EVERY_S", 0.001)
    reading, writing = os.pipe()
    assert not watchdog._is_dismissed(Watch("/r", "0", "/r/s", Identity(10, "-1", ""), reading))
    os.close(reading)
    os.close(writing)


def test_a_guarded_descriptor_is_closed_in_a_forked_child_and_open_here():
    reading, writing = os.pipe()
    fork_guard.keep_from_children(writing)
    child = os.fork()
    if child == 0:
        try:
            os.fstat(writing)
        except OSError:
            os._exit(0)
        os._exit(1)
    assert os.waitpid(child, 0)[1] == 0
    os.fstat(writing)
    fork_guard.release(writing)
    fork_guard.release(writing)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_run_that_somebody_else_removes_meanwhile_has_no_processes(tmp_path, monkeypatch):
    def vanishing(self, pattern):
        raise FileNotFoundError(self)
        yield

    monkeypatch.setattr(Path, "glob", vanishing)
    assert read_registrations(tmp_path) == []
    assert release_segments(tmp_path) == 0
