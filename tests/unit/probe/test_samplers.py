"""Which sampler runs, and that it leaves no trace."""

import signal
import sys
import threading

import pytest

from flask_assay.probe.recorder import Recorder
from flask_assay.probe.samplers import Sampling
from flask_assay.probe.switch import Switch


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


def test_other_threads_are_looked_at_by_a_thread(sampling):
    before = sys.getswitchinterval()
    start_in_a_thread(sampling)
    facts = sampling.facts()
    assert (facts["sampler"], facts["interval_s"]) == ("thread", pytest.approx(0.025))
    assert "flask-assay-stacks" in {thread.name for thread in threading.enumerate()}
    sampling.stop()
    assert sys.getswitchinterval() == before
    assert "flask-assay-stacks" not in {thread.name for thread in threading.enumerate()}


def test_a_profiling_timer_of_the_app_is_left_alone(sampling):
    def theirs(*_):
        pass

    signal.signal(signal.SIGPROF, theirs)
    sampling.start()
    assert signal.getsignal(signal.SIGPROF) is theirs
    assert sampling.facts()["sampler"] == "thread"
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
