import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest

import flask_assay.load.control as control
from flask_assay.errors import LoadError, MissingExtraError, UsageError
from flask_assay.load.control import LoadProcess
from flask_assay.load.plan import Exchange, Journey, LoadPlan
from flask_assay.load.status import LoadProgress, WorkerError, write_status
from flask_assay.model.owned import AllowedTarget
from flask_assay.services.waiting import WaitTimeoutError


class FakeProcess:
    pid = 4711

    def __init__(self, log_path):
        self.log_path = log_path
        self.code = None
        self.signals = []

    def poll(self):
        return self.code

    def wait(self, timeout_s):
        if self.code is None:
            raise WaitTimeoutError("load ends: did not happen")
        return self.code

    def signal(self, number):
        self.signals.append(number)


class FakeSupervisor:
    def __init__(self, directory):
        self.process = FakeProcess(directory / "load.log")
        self.started = None

    def start(self, name, argv, *, env=None, cwd=None):
        self.started = (name, argv, env, cwd)
        return self.process


@pytest.fixture
def plan(tmp_path):
    return LoadPlan(
        recording_dir=tmp_path,
        work_dir=tmp_path,
        target=AllowedTarget("http", "127.0.0.1", 8000, "started by this test"),
        project_root=tmp_path / "project",
        journeys=(Journey("/", "GET", (Exchange("/"),)),),
    )


@pytest.fixture
def supervisor(tmp_path):
    return FakeSupervisor(tmp_path)


@pytest.fixture
def load(plan, supervisor):
    return LoadProcess.start(plan, supervisor)


def end(load, code=0, **status):
    write_status(load.plan.status_path, LoadProgress(phase="end", **status))
    load._process.code = code


def test_the_worker_is_started_with_the_plan_and_without_a_tracer(plan, supervisor, monkeypatch):
    monkeypatch.setenv("COVERAGE_PROCESS_CONFIG", "x")
    monkeypatch.setenv("KEPT", "yes")
    load = LoadProcess.start(plan, supervisor)
    name, argv, env, cwd = supervisor.started
    assert name == "load"
    assert argv[:4] == [sys.executable, "-P", "-m", "flask_assay.load.worker"]
    assert LoadPlan.from_json(Path(argv[4]).read_text()) == plan
    assert env["KEPT"] == "yes"
    assert "COVERAGE_PROCESS_CONFIG" not in env
    assert cwd == plan.project_root
    assert load.pid == 4711


def test_what_an_earlier_worker_said_is_forgotten(plan, supervisor):
    write_status(plan.status_path, LoadProgress(requests=99))
    assert LoadProcess.start(plan, supervisor).progress() == LoadProgress()


def test_progress_is_what_the_worker_last_wrote(load, plan):
    said = LoadProgress(phase="steady", requests=5, p95_s=0.2, notes=("a note",))
    write_status(plan.status_path, said)
    assert load.progress() == said


def test_a_stop_is_a_polite_signal_and_a_kill_is_not(load):
    load.stop()
    load.kill()
    assert load._process.signals == [signal.SIGTERM, signal.SIGKILL]


def test_an_ended_worker_is_not_signalled(load):
    end(load)
    load.stop()
    assert load._process.signals == []
    assert load.is_over()


def test_a_good_end_returns_the_last_word(load):
    end(load, requests=7)
    assert load.wait().requests == 7
    assert load.failure() == ""


@pytest.mark.parametrize(("kind", "error"), [("usage", UsageError), ("load", LoadError)])
def test_the_workers_reason_is_raised_with_its_advice(load, kind, error):
    end(load, code=3, error=WorkerError(kind, "what", "why", "todo"))
    with pytest.raises(error) as told:
        load.wait()
    assert (told.value.what, told.value.why, told.value.todo) == ("what", "why", "todo")
    assert load.failure() == "what"


def test_an_end_without_a_word_shows_the_log(load):
    load._process.log_path.write_text("line 1\nSegmentation fault\n")
    load._process.code = -11
    with pytest.raises(LoadError, match="exit code -11 in phase 'setup'") as told:
        load.wait()
    assert "Segmentation fault" in told.value.why


def test_the_exit_code_of_a_killed_worker_is_no_failure(load):
    load.kill()
    load._process.code = -9
    assert load.wait() == LoadProgress()
    assert load.failure() == ""


def test_a_worker_that_does_not_end_is_an_error(load):
    with pytest.raises(LoadError, match="still running after 2 s"):
        load.wait(timeout_s=2)


def test_a_missing_locust_is_named_with_its_extra(plan, supervisor, monkeypatch):
    monkeypatch.setattr(control, "find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"flask-assay\[run\]"):
        LoadProcess.start(plan, supervisor)
    assert supervisor.started is None


def test_a_missing_log_is_no_error(load):
    assert load.log_tail() == ""


def test_a_torn_status_counts_as_none(load, plan):
    plan.status_path.write_text('{"phase": "st')
    assert load.progress() == LoadProgress()


def test_a_status_survives_its_file(plan):
    said = replace(LoadProgress(), error=WorkerError("load", "what"))
    write_status(plan.status_path, said)
    assert control.read_status(plan.status_path) == said
