"""Conditions as PostgreSQL prints them."""

import pytest

from flask_assay.gather.autoseed.checks import Limits, read_limits


@pytest.mark.parametrize(
    ("condition", "column", "expected"),
    [
        ("((rating >= 1) AND (rating <= 5))", "rating", Limits(lowest=1, highest=5)),
        ("(price > (0)::numeric)", "price", Limits(lowest=1)),
        ("(((price)::numeric >= 0.5) AND true)", "price", Limits(lowest=0.5)),
        (
            "((state)::text = ANY ((ARRAY['new'::character varying, 'it''s'::character varying])::text[]))",
            "state",
            Limits(choices=("new", "it's")),
        ),
        ("(size = ANY (ARRAY[1, 2, 3]))", "size", Limits(choices=(1, 2, 3))),
        ("((kind = 'a'::text) OR (kind = 'b'::text))", "kind", Limits(choices=("a", "b"))),
        ("(char_length((code)::text) = 3)", "code", Limits(shortest=3, longest=3)),
        ("(length(slug) >= 5)", "slug", Limits(shortest=5)),
        ("(temperature > '-40'::integer)", "temperature", Limits(lowest=-39)),
        ('("select" < 10)', "select", Limits(highest=9)),
    ],
)
def test_a_simple_condition_sets_a_limit(condition, column, expected):
    assert read_limits((condition,), column) == expected


def test_a_condition_on_another_column_sets_none():
    assert read_limits(("(price > 0)", "(state = 'x'::text)"), "rating") == Limits()


def test_a_length_is_not_taken_for_a_bound():
    assert read_limits(("(length(name) <= 4)",), "name").highest is None


def test_a_domain_speaks_of_value():
    told = ("CHECK (((VALUE >= 1) AND (VALUE <= 5)))",)
    assert read_limits(told, "VALUE") == Limits(lowest=1, highest=5)


def test_what_is_not_understood_sets_no_limit():
    assert read_limits(("(num_nonnulls(a, b) = 1)", "(name ~ '^[a-z]+$'::text)"), "a") == Limits()
