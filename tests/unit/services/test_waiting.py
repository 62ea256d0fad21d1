import pytest

from flask_assay.services.waiting import LONGEST_PAUSE_S, WaitTimeoutError, wait_until


class Time:
    """A clock that only pausing moves."""

    def __init__(self):
        self.now, self.pauses = 100.0, []

    def monotonic(self):
        return self.now

    def sleep(self, pause_s):
        self.pauses.append(pause_s)
        self.now += pause_s


@pytest.fixture
def time():
    return Time()


def wait(time, condition, timeout_s=1.0):
    return wait_until(
        condition, timeout_s=timeout_s, what="it", monotonic=time.monotonic, sleep=time.sleep
    )


def test_a_condition_that_is_true_costs_no_pause(time):
    assert wait(time, lambda: "value", timeout_s=0) == "value"
    assert time.pauses == []


def test_the_first_true_value_is_returned(time):
    answers = iter([0, "", None, "ready", "later"])
    assert wait(time, lambda: next(answers)) == "ready"
    assert len(time.pauses) == 3


def test_pauses_grow_to_a_limit_and_end_at_the_deadline(time):
    with pytest.raises(WaitTimeoutError, match="it: did not happen within 1 s") as caught:
        wait(time, lambda: False)
    assert isinstance(caught.value, TimeoutError)
    assert time.pauses[:3] == [0.001, 0.002, 0.004]
    assert max(time.pauses) == LONGEST_PAUSE_S
    assert sum(time.pauses) == pytest.approx(1.0)


def test_a_condition_that_comes_true_in_the_last_pause_is_not_late(time):
    assert wait(time, lambda: time.now >= 101.0)


def test_what_the_condition_raises_passes_through(time):
    with pytest.raises(ZeroDivisionError):
        wait(time, lambda: 1 / 0)
