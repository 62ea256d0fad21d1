from random import Random

import pytest

from flask_assay.load.histogram import Histogram, LiveStatistics

S = 1_000_000_000


def test_quantiles_are_within_a_percent_of_the_sorted_values():
    random = Random(4)
    values = sorted(round(random.lognormvariate(15, 1)) for _ in range(20_000))
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    for q in (0.01, 0.5, 0.95, 0.999):
        exact = values[min(len(values) - 1, int(q * len(values)))]
        assert histogram.quantile(q) == pytest.approx(exact, rel=0.01)


def test_merged_histograms_are_the_histogram_of_all_values():
    parts, whole = [Histogram(), Histogram()], Histogram()
    for value in range(1_000, 3_000, 7):
        parts[value % 2].add(value)
        whole.add(value)
    parts[0].merge(parts[1])
    assert parts[0].buckets == whole.buckets
    assert parts[0].count == whole.count


def test_an_empty_histogram_has_no_quantile():
    assert Histogram().quantile(0.5) is None


def test_zero_is_counted():
    histogram = Histogram()
    histogram.add(0)
    assert histogram.quantile(1) == 0


def test_rate_and_latency_are_those_of_the_last_seconds():
    live = LiveStatistics()
    for second in range(20):
        for _ in range(second):
            live.add(second * S, second * 1_000_000, "GET /", "")
    rate, p50, p95 = live.recent(20 * S)
    assert rate == (15 + 16 + 17 + 18 + 19) / 5
    assert p50 == pytest.approx(0.017, rel=0.01)
    assert p95 == pytest.approx(0.019, rel=0.01)
    assert live.request_count == sum(range(20))


def test_nothing_is_claimed_about_seconds_without_requests():
    live = LiveStatistics()
    live.add(1 * S, 5, "GET /", "")
    assert live.recent(60 * S) == (0, 0, 0)


def test_failures_are_grouped_by_name_and_message():
    live = LiveStatistics()
    for _ in range(3):
        live.add(S, 1, "GET /", "HTTP 500")
    live.add(S, 1, "GET /x", "HTTP 500")
    assert live.top_failures(1) == [("GET /", "HTTP 500", 3)]
    assert live.all_failed
    live.add(S, 1, "GET /", "")
    assert not live.all_failed
    assert not LiveStatistics().all_failed


def test_distinct_messages_are_bounded():
    live = LiveStatistics(message_limit=3)
    for number in range(10):
        live.add(S, 1, "GET /", f"error {number}")
    assert live.top_failures(1) == [("(other)", "(other failures)", 7)]
