"""Values fit their column."""

import random
from datetime import UTC, datetime

import pytest

from flask_assay.gather.autoseed.hints import Hint
from flask_assay.gather.autoseed.schema import Column, Table
from flask_assay.gather.autoseed.texts import SEED_PASSWORD
from flask_assay.gather.autoseed.values import UnsupportedTypeError, Values

TODAY = datetime(2026, 11, 1, tzinfo=UTC)


def column(name, kind, **facts):
    typmod = facts.get("length", -5) + 4 if "length" in facts else facts.get("typmod", -1)
    return Column(
        name,
        name,
        kind,
        typmod,
        facts.get("is_nullable", False),
        facts.get("default"),
        False,
        facts.get("element", ""),
        facts.get("labels", ()),
        facts.get("domain_checks", ()),
    )


def values(one, *, checks=(), uniques=(), hint=Hint(), count=300):  # noqa: B008
    table = Table("public", "t", "t", (one,), (), checks, uniques)
    make = Values(random.Random(5), TODAY).maker(table, one, hint)
    return None if make is None else [make(n) for n in range(1, count + 1)]


@pytest.mark.parametrize("name", ["email", "username", "slug", "title", "sku", "zip", "anything"])
def test_texts_fit_their_length(name):
    assert max(len(text) for text in values(column(name, "varchar", length=9))) <= 9


@pytest.mark.parametrize("name", ["email", "username", "slug", "title", "name", "country", "bio"])
@pytest.mark.parametrize("length", [3, 8, 40])
def test_unique_texts_differ(name, length):
    made = values(column(name, "varchar", length=length), uniques=((name,),))
    assert len(set(made)) == 300
    assert max(map(len, made)) <= length


def test_unique_emails_stay_addresses():
    made = values(column("email", "varchar", length=60), uniques=(("email",),))
    assert all(text.endswith("@mail.example") for text in made)


def test_a_password_hash_can_be_logged_in_with():
    from werkzeug.security import check_password_hash

    assert check_password_hash(values(column("password_hash", "text"))[0], SEED_PASSWORD)


def test_an_enum_keeps_to_its_labels_and_has_rare_ones():
    made = values(column("state", "mood", labels=("new", "paid", "sent", "lost")), count=2_000)
    assert set(made) == {"new", "paid", "sent", "lost"}
    assert made.count("new") > 4 * made.count("lost")


def test_numbers_stay_within_their_precision():
    made = values(column("total", "numeric", typmod=4 + (5 << 16) + 2))
    assert max(made) < 1000
    assert all(round(number, 2) == number for number in made)


def test_integers_keep_to_the_conditions():
    made = values(column("rating", "int2"), checks=("((rating >= 2) AND (rating <= 4))",))
    assert set(made) == {2, 3, 4}


def test_a_domain_is_obeyed():
    made = values(column("stars", "int4", domain_checks=("CHECK ((VALUE <= 2))",)))
    assert max(made) <= 2


def test_both_flags_occur():
    assert set(values(column("is_admin", "bool"))) == {True, False}
    assert values(column("is_active", "bool")).count(True) > 200


def test_nullable_columns_have_some_nulls_and_deletion_has_many():
    assert 0 < values(column("city", "varchar", length=40, is_nullable=True)).count(None) < 90
    assert values(column("deleted_at", "timestamptz", is_nullable=True)).count(None) > 200


def test_a_default_text_is_left_to_the_server():
    assert values(column("state", "varchar", length=9, default="'new'::character varying")) is None
    assert values(column("bio", "text", default="''::text")) is not None


def test_what_only_python_knows_is_used():
    assert set(values(column("kind", "varchar", length=9), hint=Hint(choices=("A", "B")))) == {
        "A",
        "B",
    }
    assert set(values(column("data", "bytea"), hint=Hint(fixed="\\x80"))) == {"\\x80"}
    assert all(
        len(text) == 32 for text in values(column("id", "bpchar"), hint=Hint(is_hex_uuid=True))
    )


def test_an_unknown_required_type_is_refused_by_name():
    with pytest.raises(UnsupportedTypeError, match="column area: no value known for box"):
        values(column("area", "box"))
    assert values(column("area", "box", is_nullable=True)) is None


def test_arrays_hold_their_elements():
    made = values(column("tags", "_text", element="text"))
    assert {len(tags) for tags in made} == {0, 1, 2, 3, 4}
    assert values(column("moods", "_mood", element="mood", labels=("a",)))[0] is not None


def test_the_same_seed_makes_the_same_values():
    assert values(column("body", "text")) == values(column("body", "text"))


def test_no_moment_of_the_past_lies_in_the_future():
    assert max(values(column("created_at", "timestamptz"))) <= "2026-11-01 00:00:00+00"
