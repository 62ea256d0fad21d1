"""A frozen clock reaches the database."""

from datetime import UTC, datetime, timedelta

import freezegun
import pytest
import time_machine
from sqlalchemy import text

THEN = datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)
freeze = pytest.mark.parametrize(
    "freeze",
    [freezegun.freeze_time, lambda when: time_machine.travel(when, tick=False)],
    ids=["freezegun", "time-machine"],
)
now = datetime.now


@freeze
@pytest.mark.parametrize(
    "gear",
    [pytest.param(gear, marks=pytest.mark.assay(gear=gear)) for gear in ("rollback", "clone")],
)
def test_defaults_follow(client, freeze, gear):
    for when in (THEN, THEN + timedelta(days=1)):
        with freeze(when):
            made = client.post("/items/frozen").json
        assert datetime.fromisoformat(made["made_at"]) == when
        assert made["due"] == f"2030-01-{(when + timedelta(days=7)).day:02}"
    assert not client.post("/items/today").json["made_at"].startswith("2030")


@freeze
def test_statements_follow(db, freeze):
    query = text(
        "select now() as a, CURRENT_TIMESTAMP(3) as b, current_date as c, 'now()' as d,"
        " pg_catalog.clock_timestamp() - interval '1 day' as e -- now()"
    )
    with freeze(THEN):
        row = db.session.execute(query).one()
        assert db.session.scalar(db.select(db.func.now())) == THEN
    assert (row.a, row.b) == (THEN, THEN)
    assert (row.c, row.d, row.e) == (THEN.date(), "now()", THEN - timedelta(days=1))
    assert db.session.execute(query).one().a != THEN


@freeze
def test_what_is_sent_for_it_is_not_counted(client, freeze, assay_queries):
    with freeze(THEN), assay_queries(exactly=2):
        client.post("/items/frozen")


def test_a_clock_that_ticks(db):
    with time_machine.travel(THEN):
        first = db.session.scalar(db.select(db.func.now()))
    assert THEN <= first < THEN + timedelta(minutes=5)


def test_the_catalog_is_as_before(db):
    defaults = text(
        "select pg_get_expr(adbin, adrelid) from pg_attrdef join pg_class c on c.oid = adrelid"
        " where relname in ('item', 'order') order by 1"
    )
    assert db.session.scalars(defaults).all() == [
        "(CURRENT_DATE + 7)",
        "nextval('item_id_seq'::regclass)",
        "nextval('order_id_seq'::regclass)",
        "now()",
    ]
