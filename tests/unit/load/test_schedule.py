from itertools import islice, pairwise
from random import Random

import pytest

from flask_assay.load.schedule import ArrivalQueue, arrival_times

S = 1_000_000_000


def times(rate=10, spacing="constant", seed=1):
    return arrival_times(rate, spacing=spacing, start_ns=5 * S, random=Random(seed))


def test_constant_arrivals_keep_their_distance_without_drift():
    assert list(islice(times(), 3)) == [5 * S, 5 * S + S // 10, 5 * S + S // 5]
    assert next(islice(times(rate=3), 3_000, None)) == 5 * S + 1_000 * S


def test_poisson_arrivals_have_the_rate_and_exponential_gaps():
    due = list(islice(times(rate=100, spacing="poisson"), 20_000))
    gaps = [b - a for a, b in pairwise(due)]
    mean = sum(gaps) / len(gaps)
    assert mean == pytest.approx(S / 100, rel=0.03)
    assert sum(gap > mean for gap in gaps) / len(gaps) == pytest.approx(0.368, abs=0.015)


def test_the_same_seed_gives_the_same_arrivals():
    first, again, other = (list(islice(times(spacing="poisson", seed=n), 50)) for n in (1, 1, 2))
    assert first == again != other


def test_a_rate_of_nothing_is_refused():
    with pytest.raises(ValueError, match="above 0, not 0"):
        next(times(rate=0))


def test_arrivals_are_taken_in_order_until_the_end():
    queue = ArrivalQueue(times(), end_ns=5 * S + S // 4)
    assert [queue.take(), queue.take(), queue.take(), queue.take()] == [
        5 * S,
        5 * S + S // 10,
        5 * S + S // 5,
        None,
    ]
    assert queue.taken_count == 3


def test_what_was_due_and_not_taken_is_told_at_the_end():
    queue = ArrivalQueue(times(), end_ns=100 * S)
    taken = queue.take(), queue.take()
    queue.give_back(taken[1])
    assert queue.close(5 * S + S // 4) == [5 * S + S // 10, 5 * S + S // 5]
    assert queue.taken_count == 1
    assert queue.take() is None
    assert queue.close(100 * S) == []


def test_an_arrival_given_back_is_the_next_one_taken():
    queue = ArrivalQueue(times(), end_ns=100 * S)
    due = queue.take()
    queue.give_back(due)
    assert queue.take() == due


def test_an_arrival_given_back_before_its_time_is_not_censored():
    queue = ArrivalQueue(times(), end_ns=100 * S)
    queue.give_back(queue.take())
    assert queue.close(4 * S) == []
