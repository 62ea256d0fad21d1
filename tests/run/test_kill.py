"""Violent and orderly ends of ``assay run``: nothing is left behind, nothing measured is lost."""

import fcntl
import json
import os
import pty
import random
import shutil
import signal
import tempfile
import termios
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
from tests.run.command_rig import (
    APP,
    GONE_S,
    LONGEST_S,
    NESTED,
    NO_TRIALS,
    SHORT,
    Command,
    assay,
    gone_after,
    left_of,
    manifest,
    recordings,
    runs,
    write_project,
)
from tests.thorough import repetitions

from flask_assay.services.waiting import wait_until

pytestmark = [
    pytest.mark.services,
    pytest.mark.load,
    pytest.mark.skipif(not Path("/proc/self").exists(), reason="looks into /proc"),
]
ENDLESS = ("--users", "2", "--duration-s", "600", "--warm-up-s", "1", "--drain-s", "2", NO_TRIALS)


@pytest.fixture(scope="session")
def base():
    """Short, and passable for the user that root's servers run as."""
    path = Path(tempfile.mkdtemp(prefix="assay-k-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def own_base():
    path = Path(tempfile.mkdtemp(prefix="assay-o-"))
    path.chmod(0o711)
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def project(tmp_path):
    return write_project(tmp_path)


def only_run(base):
    (run,) = runs(base)
    return run


def assert_report_renders(project, base):
    """A recording of a killed run renders, or says why not."""
    for recording in recordings(project):
        outcome = assay(project, base, "report", recording, app=None)
        outcome.assert_clear()
        assert outcome.code == 0 or outcome.first_line.startswith("Error: "), outcome
        if outcome.code == 0:
            assert "partial" in outcome.out or manifest(recording)["status"] == "complete"


STEPS = {
    "provision": "start PostgreSQL",
    "prepare": "load the app, make",
    "boot": "boot the app",
    "documents": "ask PostgreSQL",
    "experiment": "experiment: launch 1",
}
OPTIONS = {
    "warm-up": ("--users", "2", "--duration-s", "600", "--warm-up-s", "600", NO_TRIALS),
    "steady": ENDLESS,
    "experiment": ("--users", "2", "--duration-s", "2", "--warm-up-s", "0"),
}


def kill_in(phase, tmp_path, base, delay_s):
    """Kill a command in a phase; return the seconds until nothing of its run was left."""
    app = "nested" if phase == "experiment" else "tiny"
    project = write_project(tmp_path, {"nested.py": NESTED})
    options = OPTIONS.get(phase, (*SHORT, NO_TRIALS))
    with Command(project, base, ("run", *options), app=app) as command:
        if phase in STEPS:
            command.wait_for(STEPS[phase])
        else:
            command.wait_for_phase(phase)
        time.sleep(delay_s)
        run = only_run(base)
        assert phase == "provision" or left_of(run.name)
        command.signal(signal.SIGKILL)
        command.popen.wait()
        took_s = gone_after(run.name, run)
    assert_report_renders(project, base)
    return took_s


@pytest.mark.parametrize("phase", ["prepare", "steady"])
def test_a_killed_run_leaves_no_process_no_socket_and_no_directory(phase, tmp_path, own_base):
    assert kill_in(phase, tmp_path, own_base, 0.3) < GONE_S


PHASES = ("provision", "prepare", "boot", "warm-up", "steady", "documents", "experiment")


@pytest.mark.slow
@pytest.mark.parametrize("number", range(repetitions(1, 3)))
@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_in_any_phase_leaves_nothing(phase, number, tmp_path, own_base):
    longest_s = {"documents": 0.0, "provision": 1.0, "boot": 0.3}.get(phase, 0.5)
    delay_s = random.Random(f"{phase}{number}").uniform(0, longest_s)
    took_s = kill_in(phase, tmp_path, own_base, delay_s)
    print(f"{phase}: nothing left after {took_s:.1f} s")


@pytest.mark.slow
def test_a_stopped_server_does_not_outlive_a_killed_run(project, own_base):
    with Command(project, own_base, ("run", *ENDLESS)) as command:
        command.wait_for_phase("steady")
        run = only_run(own_base)
        for pid in left_of(run.name) - {command.popen.pid}:
            if b"gunicorn" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGSTOP)
        command.signal(signal.SIGKILL)
        command.popen.wait()
        gone_after(run.name, run)
    assert_report_renders(project, own_base)


@pytest.mark.slow
def test_a_later_run_reaps_what_the_watchdog_could_not(project, own_base):
    with Command(project, own_base, ("run", *ENDLESS)) as command:
        command.wait_for_phase("steady")
        run = only_run(own_base)
        for pid in left_of(run.name) - {command.popen.pid}:
            if b"watchdog" in Path(f"/proc/{pid}/cmdline").read_bytes():
                os.kill(pid, signal.SIGKILL)
        command.signal(signal.SIGKILL)
        command.popen.wait()
    wait_until(lambda: not left_of(run.name), timeout_s=GONE_S, what="the processes end")
    assert run.exists()
    assert assay(project, own_base, "run", *SHORT, NO_TRIALS).code == 0
    assert not run.exists()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_first_signal_in_the_load_gives_a_partial_report(number, project, base):
    with Command(project, base, ("run", *ENDLESS)) as command:
        command.wait_for_answers(5)
        command.signal(number)
        outcome = command.finish()
    outcome.assert_clear()
    assert outcome.code == 130, outcome
    assert "partial report" in outcome.err
    assert "GET /items" in outcome.out
    (recording,) = recordings(project)
    assert manifest(recording)["status"] == "partial"
    assert (recording / "report.html").exists()
    assert "drain" in (recording / "events.jsonl").read_text()
    assert runs(base) == []


@pytest.mark.parametrize(
    "step", ["load the app, make", pytest.param("boot the app", marks=pytest.mark.slow)]
)
def test_before_the_load_the_first_signal_ends_the_run_without_a_report(step, project, base):
    with Command(project, base, ("run", *ENDLESS)) as command:
        command.wait_for(step)
        command.signal(signal.SIGINT)
        outcome = command.finish()
    outcome.assert_clear()
    assert outcome.code == 130, outcome
    assert "there is no report" in outcome.err
    assert recordings(project) == []
    assert runs(base) == []


@pytest.mark.slow
def test_a_signal_while_the_servers_start_ends_the_run(project, base):
    with Command(project, base, ("run", *ENDLESS)) as command:
        command.wait_for("start PostgreSQL")
        command.signal(signal.SIGTERM)
        outcome = command.finish()
    outcome.assert_clear()
    assert outcome.code == 130, outcome
    assert recordings(project) == []
    assert runs(base) == []


@pytest.mark.slow
def test_a_signal_in_an_experiment_keeps_the_report_of_the_load(tmp_path, base):
    project = write_project(tmp_path, {"nested.py": NESTED})
    options = ("--users", "2", "--duration-s", "2", "--warm-up-s", "0")
    with Command(project, base, ("run", *options), app="nested") as command:
        command.wait_for("experiment: launch 1")
        command.signal(signal.SIGINT)
        outcome = command.finish()
    outcome.assert_clear()
    assert outcome.code == 130, outcome
    assert "GET /parents" in outcome.out
    (recording,) = recordings(project)
    assert manifest(recording)["status"] == "complete"
    assert (recording / "report.html").exists()


def test_the_second_signal_ends_the_run_at_once(tmp_path, base):
    slow = "    @app.get('/slow')\n    def slow():\n        __import__('time').sleep(600)\n\n    return app"
    project = write_project(tmp_path, {"tiny.py": APP.replace("    return app", slow)})
    with Command(project, base, ("run", *ENDLESS, "--drain-s", "600")) as command:
        command.wait_for_phase("steady")
        run = only_run(base)
        command.signal(signal.SIGINT)
        command.wait_for("stopping")
        time.sleep(0.6)  # a signal that comes twice within an instant is one
        began = time.monotonic()
        command.signal(signal.SIGINT)
        outcome = command.finish()
        took_s = time.monotonic() - began
    outcome.assert_clear()
    assert outcome.code == 130
    assert took_s < GONE_S  # of three seconds; without the second signal it is ten minutes
    gone_after(run.name, run)
    assert_report_renders(project, base)


@contextmanager
def terminal():
    """A terminal: (our end, the command's end)."""
    ours, theirs = pty.openpty()
    try:
        yield ours, theirs
    finally:
        os.close(ours)


def read_all(descriptor):
    """Read a terminal until the last process on it is gone."""
    parts = []
    while True:
        try:
            part = os.read(descriptor, 65536)
        except OSError:
            break
        if not part:
            break
        parts.append(part)
    return b"".join(parts).decode(errors="replace")


def test_ctrl_c_in_a_terminal_gives_a_partial_report(project, base):
    with terminal() as (ours, theirs):
        command = Command(
            project,
            base,
            ("run", *ENDLESS),
            stdout=theirs,
            stderr=theirs,
            preexec_fn=lambda: fcntl.ioctl(1, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        try:
            command.wait_for_answers(5)
            os.write(ours, b"\x03")
            said = read_all(ours)
            assert command.popen.wait(LONGEST_S) == 130, said
        finally:
            command.__exit__()
    assert "partial report follows" in said
    assert "Recording:" in said
    assert manifest(recordings(project)[0])["status"] == "partial"


@pytest.mark.slow
@pytest.mark.parametrize("places", ["one", "two"])
def test_two_runs_at_once_do_not_meet(places, tmp_path, base):
    first = write_project(tmp_path / "a")
    second = first if places == "one" else write_project(tmp_path / "b")
    with (
        Command(first, base, ("run", *SHORT, NO_TRIALS, "--json")) as one,
        Command(second, base, ("run", *SHORT, NO_TRIALS, "--json")) as two,
    ):
        outcomes = [one.finish(), two.finish()]
    assert [each.code for each in outcomes] == [0, 0], outcomes
    for outcome in outcomes:
        assert_reconciled(outcome.out)
    found = recordings(first) + ([] if places == "one" else recordings(second))
    assert len(found) == 2
    assert (first / ".assay" / "latest").resolve() in found
    assert runs(base) == []


def assert_reconciled(text):
    sums = json.loads(text)["reconciliations"]
    assert [each["what"] for each in sums] == ["requests", "statements"]
    assert all(each["ok"] and each["left"] > 0 for each in sums), sums
