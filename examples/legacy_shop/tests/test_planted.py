"""PLANTED.md tells the truth about places; the code carries no marks of its own."""

import re
import sys
from pathlib import Path

import pytest
from sqlalchemy import event

PROJECT = Path(__file__).parents[1]
ROW = re.compile(
    r"\| (?P<flaw>[^|]+) \| `(?P<file>[^`:]+):(?P<line>\d+)` \| `(?P<snippet>[^`]+)`"
    r" \| (?:`(?P<route>[^`]+)`|–) \| `(?P<audit>[a-z-]+)` \| (?P<note>.*) \|"
)


def planted():
    section = (PROJECT / "PLANTED.md").read_text(encoding="utf-8").partition("## True as well")[0]
    lines = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [ROW.fullmatch(line) or line for line in lines]


def test_every_row_has_the_six_columns():
    assert [row for row in planted() if isinstance(row, str)] == []
    assert len(planted()) >= 25


@pytest.mark.parametrize("row", planted(), ids=lambda row: row["flaw"])
def test_the_named_line_holds_the_snippet(row):
    lines = (PROJECT / row["file"]).read_text(encoding="utf-8").splitlines()
    assert row["snippet"] in lines[int(row["line"]) - 1]


@pytest.mark.parametrize("row", planted(), ids=lambda row: row["flaw"])
def test_the_named_route_exists(app, row):
    routes = {
        f"{method} {rule.rule}" for rule in app.url_map.iter_rules() for method in rule.methods
    }
    assert row["route"] is None or row["route"] in routes


REQUESTS = {
    "GET /account/badges": {},
    "GET /admin/refunds": {"query_string": {"since": "2026-08-01"}},
    "GET /basket": {},
    "GET /categories": {},
    "GET /categories/<slug>/products": {},
    "GET /news": {},
    "GET /orders": {},
    "GET /pages/reviews": {},
    "GET /products": {},
    "GET /products/<int:product_id>": {},
    "GET /products/<int:product_id>/related": {},
    "GET /products/<int:product_id>/stock": {},
    "GET /products/index.json": {},
    "GET /profile": {},
    "GET /reviews": {},
    "GET /suppliers": {},
    "POST /wishlist/import": {"json": {"names": ["a", "b", "c"]}},
    "PUT /basket": {"json": {"quantity": 3}},
}


def calling_lines():
    """Yield (file, line) of the shop's frames on the stack, templates in their own lines."""
    frame = sys._getframe(2)
    while frame is not None:
        file, line = frame.f_code.co_filename, frame.f_lineno
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            line = template.get_corresponding_lineno(line)
        if Path(file).is_relative_to(PROJECT / "legacy_shop"):
            yield str(Path(file).relative_to(PROJECT)), line
        frame = frame.f_back


@pytest.mark.filterwarnings("ignore:SELECT statement has a cartesian product")  # planted
@pytest.mark.parametrize(
    "row", [row for row in planted() if row["route"] in REQUESTS], ids=lambda row: row["flaw"]
)
def test_the_named_line_is_where_the_statement_runs(app, signed_in, row):
    from legacy_shop.extensions import db

    with app.app_context():
        engine = db.engine
    places = set()

    def note(*args):
        places.add(next(calling_lines(), None))

    method, _, rule = row["route"].partition(" ")
    slug = signed_in.get("/categories").json[0]["slug"]
    for product_id in (3, 4):
        signed_in.post("/basket", json={"product_id": product_id})
    event.listen(engine, "before_cursor_execute", note)
    try:
        path = rule.replace("<int:product_id>", "3").replace("<slug>", slug)
        response = signed_in.open(path, method=method, **REQUESTS[row["route"]])
    finally:
        event.remove(engine, "before_cursor_execute", note)
    assert response.status_code < 400
    assert (row["file"], int(row["line"])) in places


def test_no_two_flaws_share_a_route():
    routes = [row["route"] for row in planted() if row["route"]]
    assert len(routes) == len(set(routes))
