import dataclasses
import math

import pytest
from tests.golden.hostile import strange_numbers
from tests.golden.sample import sample

from flask_assay.model.document import RequestTrace, Series, TraceSpan
from flask_assay.report import geometry, timelines
from flask_assay.report.highlight import highlight


def test_a_repeated_query_is_one_row_of_many_bars():
    rows = geometry.waterfall(sample().traces[0])
    items = next(r for r in rows if "order_items" in r.label)
    assert items.span_count == len(items.bars) == 48
    assert [r.first_s for r in rows] == sorted(r.first_s for r in rows)


def test_no_mark_leaves_its_track():
    for d in (sample(), strange_numbers()):
        axis = geometry.latency_axis(d.routes)
        bars = [b for t in d.traces for row in geometry.waterfall(t) for b in row.bars]
        bars += [b for r in d.routes for b in geometry.latency_bars(r, axis)]
        bars += [geometry.interval_marks(e, t.effects).bar for t in d.trials for e in t.effects]
        for bar in bars:
            assert 0 <= bar.left <= 100
            assert 0 <= bar.width <= 100.001 - bar.left + 0.25
            assert 0 < bar.height <= 100


def test_spans_longer_than_their_request_are_cut_at_its_end():
    trace = RequestTrace("r", "median", 200, 0.1, 0.0, (TraceSpan("http", "x", 0.09, 5.0),))
    (row,) = geometry.waterfall(trace)
    assert row.bars[0].left + row.bars[0].width == pytest.approx(100)


def test_the_parts_of_a_breakdown_fill_the_bar():
    for route in sample().routes:
        parts = geometry.segments(route)
        assert sum(p.width for p in parts) == pytest.approx(100)
        assert parts[-1].left + parts[-1].width == pytest.approx(100)


def test_a_part_of_unknown_name_is_shown_too():
    route = dataclasses.replace(sample().routes[0], breakdown_s={"gc-pause": 1.0, "database": 1.0})
    assert [p.words for p in geometry.segments(route)] == ["database", "gc pause"]


def test_a_histogram_of_many_buckets_is_drawn_as_few_bars():
    buckets = tuple((1e-4 * 1.01**i, 3) for i in range(900))
    route = dataclasses.replace(sample().routes[0], histogram=buckets)
    axis = geometry.latency_axis([route])
    assert 10 < len(geometry.latency_bars(route, axis)) <= 60


def test_an_interval_that_holds_zero_lies_on_both_sides_of_its_mark():
    effects = sample().trials[0].effects
    for e in effects:
        marks = geometry.interval_marks(e, effects)
        assert marks.bar.left < marks.zero < marks.bar.left + marks.bar.width


def test_series_of_one_kind_share_a_chart_and_differ_in_style():
    charts = timelines.charts(sample().series)
    assert [c.title for c in charts][:3] == [
        "Response time",
        "Throughput, errors, users",
        "CPU by process (100 % is one processor)",
    ]
    assert [line.name for line in charts[0].lines] == ["p50", "p95", "p99"]
    assert [line.style for line in charts[0].lines] == [0, 1, 2]
    assert sum(len(c.lines) for c in charts) == len(sample().series)


def test_a_series_without_a_value_is_no_chart():
    assert timelines.charts((Series("p50_s", (1.0,), (None,)), Series("p95_s", (), ()))) == ()


def test_lines_of_different_times_are_laid_on_one_axis():
    made = timelines.charts(
        (Series("cpu_ratio:a", (0.0, 2.0), (0.1, 0.2)), Series("cpu_ratio:b", (1.0,), (0.5,)))
    )
    (data,) = timelines.as_data(made)
    assert data["t"] == [0.0, 1.0, 2.0]
    assert [line["values"] for line in data["lines"]] == [[10.0, None, 20.0], [None, 50.0, None]]


@pytest.mark.parametrize("language", ["sql", "python", "sh", ""])
def test_highlighting_escapes_everything_and_loses_nothing(language):
    text = "SELECT '<b>', \"&\" -- </pre>\nFROM t WHERE a < 5 # <i>\n@x"
    marked = highlight(text, language)
    assert marked.striptags().replace("\n", " ") == " ".join(text.split())
    assert "<b>" not in marked
    assert "</pre>" not in marked
    assert marked.count("<span") == marked.count("</span>")


def test_highlighting_long_text_takes_no_longer_than_it_should():
    highlight("SELECT '" + "'" * 5000 + '"' * 5000 + "x" * 50_000, "sql")


def test_latencies_beyond_the_axis_lie_on_its_ends():
    axis = geometry.LatencyAxis(0.001, 1.0)
    assert axis.at(0.0) == axis.at(math.nan) == 0.0
    assert axis.at(math.inf) == axis.at(1.0) == 100.0


def test_the_mean_beside_a_bar_is_what_its_parts_add_up_to():
    parts = {"queueing": 0.9, "database": 0.1}
    waiting = dataclasses.replace(sample().routes[0], breakdown_s=parts, mean_s=0.1)
    assert geometry.mean_s(waiting) == pytest.approx(1.0)
    unknown = dataclasses.replace(waiting, breakdown_s={}, mean_s=0.25)
    assert geometry.mean_s(unknown) == 0.25
