"""A load that measures nothing is stopped, with the reason and the way out."""

from types import SimpleNamespace

import pytest

from flask_assay.errors import LoadError
from flask_assay.gather.driving import (
    LEAST_FREE_BYTES,
    _note_lost_workers,
    _Watch,
    every_request_failed,
)
from flask_assay.load.status import FailureGroup, LoadProgress
from flask_assay.recording.directory import append_line, read_lines


class Process:
    code = None

    def __init__(self, log_path):
        self.log_path = log_path

    def poll(self):
        return self.code


class Watched:
    """A load, a target and a lab that say what they are told to."""

    def __init__(self, directory):
        log = directory / "gunicorn.log"
        log.write_text("")
        self.status = LoadProgress()
        self.free = 10**12
        self.is_over = False
        self.target = SimpleNamespace(process=Process(log), server={"workers": 2})
        load = SimpleNamespace(progress=lambda: self.status, is_over=lambda: self.is_over)
        self.progress = SimpleNamespace(load=lambda said: None, is_interrupted=False)
        lab = SimpleNamespace(
            recording=directory / "recording",
            run=SimpleNamespace(path=directory / "run"),
            free_space=lambda place: self.free,
        )
        self.sampled = []
        sampler = SimpleNamespace(is_due=lambda: True, sample=self.sampled.append)
        self.watch = _Watch(
            lab, self.target, load, self.progress, sampler, lambda: {"connections": 1}
        )


@pytest.fixture
def watched(tmp_path):
    return Watched(tmp_path)


def test_an_ordinary_load_goes_on_and_is_sampled(watched):
    assert not watched.watch.is_over()
    assert watched.sampled == [{"connections": 1}]


def test_it_is_over_when_the_worker_ended_or_the_user_asked(watched):
    watched.is_over = True
    assert watched.watch.is_over()
    watched.is_over = False
    watched.progress.is_interrupted = True
    assert watched.watch.is_over()


def test_a_load_of_failures_ends_it(watched):
    watched.status = LoadProgress(requests=60, failures=60, all_failing=True)
    with pytest.raises(LoadError, match="every request failed: 60 of 60"):
        watched.watch.is_over()


def test_a_disk_that_is_nearly_full_ends_it(watched):
    watched.free = LEAST_FREE_BYTES - 1
    with pytest.raises(LoadError, match="the disk is nearly full: 100 MB left"):
        watched.watch.is_over()


def test_a_server_that_ended_ends_it_with_its_last_lines(watched):
    watched.target.process.code = -9
    watched.target.process.log_path.write_text("out of memory\n")
    with pytest.raises(LoadError, match="ended with code -9") as caught:
        watched.watch.is_over()
    assert "out of memory" in caught.value.why


@pytest.mark.parametrize(
    ("message", "advice"),
    [("HTTP 401", "`login`"), ("HTTP 404", "`seed`"), ("HTTP 500", "what the app says")],
)
def test_the_way_out_depends_on_how_requests_fail(watched, message, advice):
    groups = (FailureGroup("GET /items", message, 60),)
    said = LoadProgress(requests=60, failures=60, top_failures=groups)
    error = every_request_failed(said, watched.target)
    assert f"  60 × GET /items: {message}" in error.why
    assert advice in error.todo


def test_replaced_workers_are_put_into_the_recording_with_the_servers_last_word(watched, tmp_path):
    for _ in range(2):
        append_line(tmp_path, "events.jsonl", {"event": "worker-ready"})
    _note_lost_workers(tmp_path, watched.target)
    assert len(read_lines(tmp_path, "events.jsonl")) == 2
    append_line(tmp_path, "events.jsonl", {"event": "worker-ready"})
    log = "[2026-01-01] [7] [ERROR] Worker (pid:8) exited with code 9.\n"
    watched.target.process.log_path.write_text(log)
    _note_lost_workers(tmp_path, watched.target)
    incident = read_lines(tmp_path, "events.jsonl")[-1]
    assert incident["text"].startswith("1 of the app's worker processes ended during the load")
    assert "Worker (pid:8) exited with code 9." in incident["text"]
