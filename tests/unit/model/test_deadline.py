"""A deadline is a moment: what is left shrinks, and no part of it outlasts it."""

from flask_assay.model.deadline import Deadline


class Clock:
    now_s = 100.0

    def monotonic_ns(self):
        return int(self.now_s * 1e9)


def test_what_is_left_never_falls_below_zero():
    clock = Clock()
    end = Deadline.after(clock, 10.0)
    clock.now_s = 104.0
    assert (end.left_s, end.is_over) == (6.0, False)
    clock.now_s = 111.0
    assert (end.left_s, end.is_over) == (0.0, True)


def test_a_part_ends_with_the_whole():
    clock = Clock()
    end = Deadline.after(clock, 10.0)
    assert end.within(4.0).left_s == 4.0
    assert end.within(40.0).left_s == 10.0
    assert end.earlier(3.0).left_s == 7.0
