import dataclasses
import re

import pytest
from tests.golden.hostile import empty, enormous, hostile, strange_numbers
from tests.golden.sample import sample

from flask_assay.report import markdown


@pytest.mark.parametrize("make", [sample, hostile, strange_numbers, empty, enormous])
def test_the_text_stays_below_its_cap(make):
    assert len(markdown.render(make()).encode()) < markdown.MAX_BYTES


def test_what_was_left_out_is_said():
    assert "Left out to keep this report small" in markdown.render(enormous())


@pytest.mark.parametrize("make", [sample, hostile, strange_numbers, empty])
def test_every_table_has_rows_of_one_length(make):
    text = _outside_of_fences(markdown.render(make()))
    for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE):
        widths = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(widths) == 1, table


def _outside_of_fences(text):
    return re.sub(r"^(`{3,})[^`\n]*\n.*?^\1$", "", text, flags=re.MULTILINE | re.DOTALL)


def test_prose_is_no_markup():
    d = dataclasses.replace(sample(), headline="<img src=x> [a](b) *b* `c` @team | d & e")
    first = markdown.render(d).splitlines()[0]
    assert "<" not in first
    assert "@team" not in first
    for sign in ("[", "*", "`", "|"):
        assert not re.search(rf"(?<!\\)\{sign}", first)


def test_code_cannot_leave_its_fence():
    finding = dataclasses.replace(sample().findings[0], sql="SELECT 1\n```\n# out\n````")
    text = markdown.render(dataclasses.replace(sample(), findings=(finding,)))
    assert "`````sql\nSELECT 1\n```\n# out\n````\n`````" in text


def test_a_route_cannot_leave_its_span_or_cell():
    assert markdown._code("a `b` | c") == "``a `b` \\| c``"
    assert markdown._code("`") == "`` ` ``"


def test_each_finding_has_its_effect_beside_it():
    text = markdown.render(sample())
    part = text[text.index("### 2.") : text.index("### 3.")]
    assert "**−32.2 ms**" in part
    assert "Price: index 3.84 MB" in part
