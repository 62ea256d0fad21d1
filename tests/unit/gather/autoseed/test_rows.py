"""Rows differ where they must, and where an identity map would hide a problem."""

import random
from collections import Counter

from flask_assay.gather.autoseed.rows import ParentPick, RowMaker
from flask_assay.gather.autoseed.schema import Column, ForeignKey, Table


def column(name, kind="int4", *, is_nullable=False):
    return Column(name, name, kind, -1, is_nullable, None, False, "", (), ())


BILL = ForeignKey(("bill_id",), ("public", "bill"), ("id",))
PRODUCT = ForeignKey(("product_id",), ("public", "product"), ("id",))
LINE = Table(
    "public",
    "line",
    "line",
    (column("bill_id"), column("product_id"), column("quantity")),
    (BILL, PRODUCT),
    (),
    (),
)


def pick(key, count, *, is_optional=False, is_exclusive=False, seed=1):
    keys = [(n,) for n in range(1, count + 1)]
    return ParentPick(
        key, keys, random.Random(seed), is_optional=is_optional, is_exclusive=is_exclusive
    )


def test_children_of_one_parent_have_different_other_parents():
    made = RowMaker(LINE, [pick(BILL, 30), pick(PRODUCT, 40, seed=2)], {"quantity": lambda n: 1})
    rows = made.rows(400)
    pairs = Counter((row["bill_id"], row["product_id"]) for row in rows)
    assert len(rows) == 400
    assert max(pairs.values()) == 1


def test_repetition_is_accepted_when_parents_run_out():
    made = RowMaker(LINE, [pick(BILL, 2), pick(PRODUCT, 2, seed=2)], {"quantity": lambda n: 1})
    assert len(made.rows(50)) == 50


def test_popularity_is_skewed():
    made = RowMaker(LINE, [pick(BILL, 500), pick(PRODUCT, 500)], {"quantity": lambda n: 1})
    counts = sorted(Counter(row["product_id"] for row in made.rows(3_000)).values())
    assert counts[-1] > 5 * counts[len(counts) // 2]


def test_a_composite_unique_key_holds():
    table = Table(
        "public", "line", "line", LINE.columns, LINE.foreign_keys, (), (("bill_id", "product_id"),)
    )
    made = RowMaker(table, [pick(BILL, 3), pick(PRODUCT, 3, seed=2)], {"quantity": lambda n: 1})
    rows = made.rows(200)
    assert len({(row["bill_id"], row["product_id"]) for row in rows}) == len(rows) <= 9


def test_an_exclusive_parent_has_one_child():
    table = Table(
        "public", "profile", "profile", (column("bill_id"),), (BILL,), (), (("bill_id",),)
    )
    rows = RowMaker(table, [pick(BILL, 20, is_exclusive=True)], {}).rows(50)
    assert sorted(row["bill_id"] for row in rows) == list(range(1, 21))


def test_keys_that_share_a_column_agree_on_it():
    project = ForeignKey(("tenant", "project"), ("public", "project"), ("tenant", "number"))
    member = ForeignKey(("tenant", "member"), ("public", "member"), ("tenant", "user"))
    table = Table(
        "public",
        "task",
        "task",
        (column("tenant"), column("project"), column("member", is_nullable=True)),
        (project, member),
        (),
        (),
    )
    keys = [(tenant, n) for tenant in range(5) for n in range(4)]
    picks = [
        ParentPick(project, keys, random.Random(1), is_optional=False, is_exclusive=False),
        ParentPick(member, keys[:12], random.Random(2), is_optional=True, is_exclusive=False),
    ]
    rows = RowMaker(table, picks, {}).rows(200)
    assert len(rows) == 200
    assert all((row["tenant"], row["project"]) in keys for row in rows)
    assert all(row["member"] is None or (row["tenant"], row["member"]) in keys[:12] for row in rows)
    assert any(row["member"] is not None for row in rows)


def test_a_row_becomes_its_own_parent_where_it_must_have_one():
    own = ForeignKey(("root_id",), ("public", "node"), ("id",))
    table = Table(
        "public", "node", "node", (column("id"), column("root_id")), (own,), (), (("id",),)
    )
    rows = RowMaker(table, [], {"id": int}, [own]).rows(5)
    assert [(row["id"], row["root_id"]) for row in rows] == [(n, n) for n in range(1, 6)]


def test_moments_are_in_the_order_of_their_names():
    columns = tuple(column(n, "timestamptz") for n in ("updated_at", "created_at", "seen_at"))
    table = Table("public", "visit", "visit", columns, (), (), ())
    rng = random.Random(3)
    makers = {c.name: lambda n: f"2026-01-{rng.randint(10, 28)} 00:00:00+00" for c in columns}
    for row in RowMaker(table, [], makers).rows(50):
        assert row["created_at"] <= row["seen_at"] <= row["updated_at"]
