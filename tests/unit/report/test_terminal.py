import io
import re
from dataclasses import replace

import pytest
from tests.golden.hostile import empty, enormous, hostile, strange_numbers
from tests.golden.sample import effect, sample

from flask_assay.model.effect import TrialOutcome
from flask_assay.report import terminal

ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize("width", [1, 40, 72, 80, 110, 400])
def test_no_line_is_wider_than_the_terminal(width):
    limit = max(40, min(width, 110))
    for line in terminal.render(sample(), width=width).splitlines():
        # A word that has no space to break at may stand out; none of the sample's prose does.
        assert len(line) <= limit or " " not in line.strip(), line


def test_without_colour_the_text_is_plain():
    assert "\x1b" not in terminal.render(sample())


def test_with_colour_the_words_are_the_same():
    plain = terminal.render(sample(), width=100)
    coloured = terminal.render(sample(), width=100, colour=True)
    assert coloured != plain
    assert ANSI.sub("", coloured) == plain


def test_it_goes_from_place_to_evidence_to_remedy_to_effect():
    text = terminal.render(sample(), width=110)
    finding = text[text.index("2. ") : text.index("3. ")]
    order = [
        finding.index(part)
        for part in (
            "reviews is read in full",
            "legacy_shop/views/products.py:91",
            "129,948 rows",
            "Create an index on reviews",
            "−32.2 ms (95 %",
            "responses stayed equal",
            "index 3.84 MB",
        )
    ]
    assert order == sorted(order)


def test_a_remedy_that_may_not_claim_shows_the_route_where_it_did_most():
    made = sample()
    one = next(each for each in made.trials if each.intervention == "index")
    two = (
        effect("GET /a", 0.01, 0.0099, -0.001, 0.001),
        effect("GET /b", 0.04, 0.03, -0.02, 0.001),
    )
    changed = replace(one, outcome=TrialOutcome.NO_EFFECT, effects=two)
    trials = tuple(changed if each is one else each for each in made.trials)
    text = terminal.render(replace(made, trials=trials), width=200)
    assert "no effect on GET /b" in text.replace("\n", " ")
    assert "on GET /a" not in text


def test_it_ends_with_where_the_report_lies():
    text = terminal.render(sample(), report="/runs/1/report.html")
    assert text.splitlines()[-1] == "Report  /runs/1/report.html"


def test_it_is_short():
    assert len(terminal.render(sample()).splitlines()) < 100
    assert len(terminal.render(enormous()).splitlines()) < 200


def test_what_it_does_not_list_is_counted():
    text = terminal.render(enormous())
    assert "9,995 more findings" in text
    assert "   … and 9,990 in the report" in text
    assert "and 490 more routes" in text


@pytest.mark.parametrize("make", [hostile, strange_numbers, empty])
def test_the_app_cannot_steer_the_terminal(make):
    text = terminal.render(make())
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e\ud800]", text)
    text.encode()


def test_a_partial_recording_says_so():
    assert "The recording is partial: It was interrupted" in terminal.render(empty())


def test_wide_signs_take_two_columns():
    assert terminal._cells("a日") == 3
    assert terminal._cells("e\u0301") == 1
    assert terminal._shorten("日本語", 5) == "日本…"


@pytest.mark.parametrize(
    ("environment", "stream", "wanted"),
    [
        ({}, Terminal(), True),
        ({"NO_COLOR": ""}, Terminal(), True),
        ({"NO_COLOR": "1"}, Terminal(), False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, Terminal(), False),
        ({"TERM": "dumb"}, Terminal(), False),
        ({}, io.StringIO(), False),
        ({"FORCE_COLOR": "1"}, io.StringIO(), True),
    ],
)
def test_colour_is_for_terminals_whose_user_does_not_object(environment, stream, wanted):
    assert terminal.wants_colour(stream, environment) is wanted
