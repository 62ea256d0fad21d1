"""Who sends the requests of derived journeys."""

import json

from flask_assay.gather.load_plan import own_requests, signed_in
from flask_assay.load.plan import Exchange, Journey


def users_of(tmp_path, count, *, exchanges, journeys=1):
    users = [{"Cookie": f"u{n}"} for n in range(count)]
    (tmp_path / "identities.json").write_text(json.dumps(users))
    derived = tuple(
        Journey(f"/{n}", "GET", tuple(Exchange(f"/{k}") for k in range(exchanges)))
        for n in range(journeys)
    )
    found = signed_in(derived, tmp_path)
    return [[each.headers["Cookie"] for each in journey.exchanges] for journey in found]


def test_who_goes_first_changes_from_route_to_route(tmp_path):
    assert [users[0] for users in users_of(tmp_path, 3, exchanges=4, journeys=4)] == [
        "u0", "u1", "u2", "u0",
    ]  # fmt: skip


def test_every_second_row_is_not_the_same_users(tmp_path):
    [users] = users_of(tmp_path, 2, exchanges=8)
    assert set(users[::2]) == set(users[1::2]) == {"u0", "u1"}


def test_every_user_asks_each_route(tmp_path):
    [users] = users_of(tmp_path, 3, exchanges=1)
    assert sorted(users) == ["u0", "u1", "u2"]


def test_without_users_nobody_is_signed_in(tmp_path):
    journeys = (Journey("/", "GET", (Exchange("/"),)),)
    assert signed_in(journeys, tmp_path) is journeys


def test_users_ask_for_rows_of_their_own_in_turn(tmp_path):
    users = [{"Cookie": "a"}, {"Cookie": "b"}, {"Cookie": "c"}]
    (tmp_path / "identities.json").write_text(json.dumps(users))
    rules = ("/", "/orders/<int:id>", "/items/<int:id>")
    routes = [{"rule": rule, "endpoint": "x", "methods": ["GET"]} for rule in rules]
    sample = {"orders": {"id": [1, 2, 3]}, "items": {"id": [1, 2]}}
    own = [{"orders": {"id": [7, 8]}}, {}, {"orders": {"id": [9]}}]
    found = own_requests(routes, sample, own, tmp_path)
    assert {
        name: [(each.path, each.headers["Cookie"]) for each in asked]
        for name, asked in found.items()
    } == {"GET /orders/<int:id>": [("/orders/7", "a"), ("/orders/9", "c"), ("/orders/8", "a")]}
