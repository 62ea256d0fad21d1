"""Which sampler runs, and that it leaves no trace."""

import signal
import sys
import threading
from dataclasses import replace

import pytest

from flask_assay.probe.recorder import Recorder
from flask_assay.probe.samplers import NUMBER, Sampling, SignalSampler
from flask_assay.probe.stacks import Stacks
from flask_assay.probe.switch import Switch
from flask_assay.probe.work import CURRENT, Work


@pytest.fixture
def sampling(plan):
    made = Sampling(Recorder(plan), Switch())
    yield made
    made.stop()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)


def start_in_a_thread(sampling):
    thread = threading.Thread(target=sampling.start)
    thread.start()
    thread.join()


def test_the_main_thread_is_sampled_by_the_cpu_timer(sampling):
    sampling.start()
    assert sampling.facts()["sampler"] == "cpu-timer"
    assert signal.getitimer(signal.ITIMER_PROF)[1] == pytest.approx(0.005, abs=0.005)
    sampling.stop()
    assert signal.getitimer(signal.ITIMER_PROF) == (0, 0)
    # A signal that was on its way must not end the process, as is its default.
    assert signal.getsignal(signal.SIGPROF) == signal.SIG_IGN


def test_other_threads_can_not_be_interrupted_and_it_says_so(sampling):
    start_in_a_thread(sampling)
    facts = sampling.facts()
    assert facts["sampler"] == "none"
    assert facts["reason"] == "requests are served outside of the main thread"


def test_requests_without_a_number_are_left_out_where_numbers_are_asked_for(plan):
    for is_numbered, number, expected in (
        (True, None, 0), (True, "7", 1), (False, None, 1),
    ):  # fmt: skip
        recorder = Recorder(replace(plan, stacks=True, stacks_of_numbered=is_numbered))
        stacks = Stacks(recorder.sites)
        sampler = SignalSampler(recorder, stacks, Switch())
        work = Work()
        work.environ = {"PATH_INFO": "/"} | ({NUMBER: number} if number else {})
        token = CURRENT.set(work)
        sampler._used_ns = -(10**9)
        sampler._on_signal(0, sys._getframe())
        CURRENT.reset(token)
        assert stacks.samples == expected


def test_a_profiling_timer_of_the_app_is_left_alone(sampling):
    def theirs(*_):
        pass

    signal.signal(signal.SIGPROF, theirs)
    sampling.start()
    assert signal.getsignal(signal.SIGPROF) is theirs
    assert sampling.facts()["sampler"] == "none"
    assert "timer of its own" in sampling.facts()["reason"]


def test_what_ran_is_still_told_after_it_was_stopped(sampling):
    sampling.start()
    sampling.stop()
    assert sampling.facts()["sampler"] == "cpu-timer"


def test_a_forked_process_begins_anew(sampling):
    sampling.start()
    sampling.reset()
    assert sampling.facts()["sampler"] == "none"
    sampling.start()
    assert sampling.facts()["sampler"] == "cpu-timer"
