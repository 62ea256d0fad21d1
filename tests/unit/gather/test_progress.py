"""Who waits is told how far it is, and not more often than one can read."""

from flask_assay.gather.progress import Telling


class Watch:
    def __init__(self):
        self.now_s = 0.0

    def monotonic_ns(self):
        return int(self.now_s * 1e9)


def test_a_loop_of_short_steps_is_told_of_every_few_seconds():
    said, watch = [], Watch()
    tell = Telling(said.append, watch)
    for number in range(101):
        watch.now_s = number / 10
        tell(f"step {number}")
    assert said == ["step 40", "step 80"]


def test_each_of_several_long_steps_is_told():
    said, watch = [], Watch()
    tell = Telling(said.append, watch)
    for number in range(1, 4):
        watch.now_s = number * 5.0
        tell(f"step {number}")
    assert said == ["step 1", "step 2", "step 3"]
