"""The user's wish to stop: seen or raised, and at the second time at once."""

import os
import signal
import sys

import pytest

from flask_assay.cli import progress as module
from flask_assay.cli.progress import TerminalProgress
from flask_assay.errors import InterruptedRunError
from flask_assay.load.status import LoadProgress

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@pytest.fixture
def progress():
    before = {number: signal.getsignal(number) for number in SIGNALS}
    yield TerminalProgress()
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.parametrize("number", SIGNALS)
def test_outside_of_held_the_first_signal_raises_where_it_comes(progress, number):
    with pytest.raises(InterruptedRunError):
        os.kill(os.getpid(), number)
    assert progress.is_interrupted


def test_within_held_the_first_signal_is_only_noted(progress, capsys):
    with progress.held():
        os.kill(os.getpid(), signal.SIGINT)
        progress.step("ask PostgreSQL")
    assert progress.is_interrupted
    assert "a partial report follows" in capsys.readouterr().err
    with pytest.raises(InterruptedRunError):
        progress.step("the next")


def test_the_second_signal_ends_at_once(progress, monkeypatch):
    ended = []
    monkeypatch.setattr(module.os, "_exit", ended.append)
    progress.ends_with(lambda: ended.append("servers"))
    with progress.held():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended == ["servers", 130]


def test_a_hard_end_that_fails_still_ends(progress, monkeypatch):
    ended = []
    monkeypatch.setattr(module.os, "_exit", ended.append)
    progress.ends_with(lambda: 1 / 0)
    with progress.held():
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGTERM)
    assert ended == [130]


def test_one_signal_that_comes_twice_within_an_instant_is_one_wish(monkeypatch):
    class Clock:
        now_ns = 10**9

        def monotonic_ns(self):
            return self.now_ns

    before = {number: signal.getsignal(number) for number in SIGNALS}
    ended, clock = [], Clock()
    monkeypatch.setattr(module.os, "_exit", ended.append)
    try:
        with TerminalProgress(clock=clock).held():
            os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)
            assert ended == []
            clock.now_ns += 10**9
            os.kill(os.getpid(), signal.SIGTERM)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert ended == [130]


class Gone:
    def isatty(self):
        return False

    def write(self, text):
        raise BrokenPipeError

    flush = write


def test_a_run_goes_on_when_nobody_listens(progress, monkeypatch):
    monkeypatch.setattr(sys, "stderr", Gone())
    progress.step("boot")
    progress.note("nobody hears it")
    progress.load(LoadProgress())


def test_quiet_says_nothing(progress, capsys):
    quiet = TerminalProgress(is_quiet=True)
    quiet.step("boot")
    quiet.load(LoadProgress())
    assert capsys.readouterr().err == ""
