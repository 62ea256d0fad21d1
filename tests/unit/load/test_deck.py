from collections import Counter
from random import Random

import pytest

from flask_assay.load.deck import DRAWS_MIN, JourneyDeck
from flask_assay.load.plan import Exchange, Journey

HOME = Journey("/", "GET", (Exchange("/"),), weight=3)
ACCOUNT = Journey("/account", "GET", (Exchange("/account?a"), Exchange("/account?b")))


def deck():
    return JourneyDeck([HOME, ACCOUNT], random=Random(1))


def test_journeys_are_drawn_by_weight_and_their_requests_evenly():
    drawn = Counter(
        each.path for _, each in (deck_.draw() for deck_ in [deck()] for _ in range(4_000))
    )
    assert 2_800 < drawn["/"] < 3_200
    assert 400 < drawn["/account?a"] < 600


def test_a_journey_that_is_always_refused_is_set_aside():
    dealt = deck()
    for _ in range(3):
        dealt.answered(HOME, HOME.exchanges[0], 200)
        dealt.answered(ACCOUNT, ACCOUNT.exchanges[0], 401)
    (note,) = dealt.set_aside()
    assert "GET /account" in note
    assert "401" in note
    assert {dealt.draw()[0].name for _ in range(50)} == {"GET /"}


def test_a_server_error_or_one_success_keeps_a_journey():
    for status in (500, 200, 0):
        dealt = deck()
        for code in (401, 401, 401, status):
            dealt.answered(ACCOUNT, ACCOUNT.exchanges[0], code)
        assert dealt.set_aside() == []


def test_when_all_are_refused_all_are_kept():
    dealt = deck()
    for _ in range(5):
        dealt.answered(HOME, HOME.exchanges[0], 404)
        dealt.answered(ACCOUNT, ACCOUNT.exchanges[0], 404)
    assert dealt.set_aside() == []
    assert len({dealt.draw()[0].name for _ in range(50)}) == 2


def test_each_journey_is_drawn_once_before_any_is_drawn_by_chance():
    rare = [Journey(f"/{n}", "GET", (Exchange("/first"), Exchange("/other"))) for n in range(30)]
    dealt = JourneyDeck([HOME, *rare], random=Random(1))
    drawn = [dealt.draw() for _ in range(31)]
    assert {journey.rule for journey, _ in drawn} == {"/", *(each.rule for each in rare)}
    assert {exchange.path for _, exchange in drawn} == {"/", "/first"}


STAFF, GUEST = {"Cookie": "staff"}, {"Cookie": "guest"}
ADMIN = Journey("/admin", "GET", (Exchange("/admin", STAFF), Exchange("/admin", GUEST)))


def share_of_staff(dealt):
    drawn = Counter(dealt.draw()[1].headers["Cookie"] for _ in range(2_000))
    return drawn["staff"] / 2_000


@pytest.mark.parametrize("status", [302, 401, 403])
def test_where_others_are_turned_away_most_requests_are_those_of_who_is_served(status):
    dealt = JourneyDeck([ADMIN], random=Random(1))
    assert 0.45 < share_of_staff(dealt) < 0.55
    dealt.answered(ADMIN, ADMIN.exchanges[0], 200)
    dealt.answered(ADMIN, ADMIN.exchanges[1], status)
    assert 0.83 < share_of_staff(dealt) < 0.92


def test_who_was_served_elsewhere_goes_first_where_nobody_was_served_yet():
    both = (Exchange("/x", GUEST), Exchange("/x", STAFF), Exchange("/x", {"Cookie": "other"}))
    first, second = Journey("/a", "GET", both), Journey("/b", "GET", both)
    dealt = JourneyDeck([first, second], random=Random(1))
    for journey in (first, second):
        dealt.answered(journey, both[0], 403)
    dealt.answered(first, both[1], 200)
    drawn = Counter(
        exchange.headers["Cookie"]
        for journey, exchange in (dealt.draw() for _ in range(4_000))
        if journey is second
    )
    assert drawn["staff"] > 0.8 * drawn.total()


def test_a_missing_row_or_a_failure_turns_nobody_away():
    for status in (404, 500, 304):
        dealt = JourneyDeck([ADMIN], random=Random(1))
        dealt.answered(ADMIN, ADMIN.exchanges[0], 200)
        dealt.answered(ADMIN, ADMIN.exchanges[1], status)
        assert 0.45 < share_of_staff(dealt) < 0.55


def many(count, look_s):
    paths = [Exchange(f"/{look_s}?{k}") for k in range(8)]
    return [Journey(f"/{look_s}/{n}", "GET", tuple(paths), look_s=look_s) for n in range(count)]


def test_a_deck_knows_whether_a_journey_was_not_drawn_or_seldom():
    dealt = deck()
    assert dealt.has_rare
    for _ in range(40):
        dealt.draw()
    assert not dealt.has_rare


def test_what_answers_soon_is_drawn_several_times_before_what_is_slow_is_drawn_again():
    dealt = JourneyDeck([*many(20, 0.01), *many(3, 4.0)], random=Random(1))
    drawn = []
    while dealt.has_rare:
        drawn.append(dealt.draw())
    counts = Counter(journey.name for journey, _ in drawn)
    assert len(counts) >= 20
    quick = [count for name, count in counts.items() if "0.01" in name]
    assert min(quick) >= DRAWS_MIN
    assert len(drawn) < 20 * DRAWS_MIN * 1.7
    assert sum(counts.values()) - sum(quick) < 0.1 * len(drawn)
    for name in counts:
        paths = [exchange.path for journey, exchange in drawn if journey.name == name]
        assert "4.0" in name or paths[0].endswith("?0")
        assert len(set(paths)) > 1 or len(paths) == 1


def test_each_route_is_asked_once_as_the_user_who_is_served_where_others_are_not():
    users = tuple(Exchange("/x", {"Cookie": f"u{n}"}) for n in range(20))
    journeys = [Journey(f"/{n}", "GET", users) for n in range(10)]
    dealt = JourneyDeck([ADMIN, *journeys], random=Random(1))
    dealt.answered(ADMIN, ADMIN.exchanges[0], 200)
    dealt.answered(ADMIN, ADMIN.exchanges[1], 403)
    drawn = Counter()
    while dealt.has_rare:
        journey, exchange = dealt.draw()
        drawn[journey.name, exchange.headers["Cookie"]] += 1
    assert all(drawn[journey.name, "staff"] for journey in journeys)


def test_a_request_that_comes_too_soon_for_the_app_is_none_of_a_journeys_first():
    dealt = JourneyDeck([ACCOUNT], random=Random(1))
    for _ in range(20):
        journey, exchange = dealt.draw()
        dealt.answered(journey, exchange, 429)
    assert dealt.has_rare
    for _ in range(20):
        journey, exchange = dealt.draw()
        dealt.answered(journey, exchange, 200)
    assert not dealt.has_rare


def test_what_has_moved_for_good_is_not_asked_for_again_and_again():
    dealt = JourneyDeck([ACCOUNT, HOME], random=Random(1))
    dealt.answered(ACCOUNT, ACCOUNT.exchanges[0], 308)
    drawn = []
    while dealt.has_rare:
        drawn.append(dealt.draw()[0].name)
    assert drawn.count("GET /account") <= 3
    assert drawn.count("GET /") >= DRAWS_MIN


def test_a_journey_that_takes_seconds_is_drawn_less_often_in_proportion():
    slow, quick = (Journey(f"/{s}", "GET", (Exchange("/"),), look_s=s) for s in (4.0, 0.5))
    dealt = JourneyDeck([slow, quick], random=Random(1))
    while dealt.has_rare:
        dealt.draw()
    drawn = Counter(dealt.draw()[0].rule for _ in range(2_000))
    assert 0.15 < drawn["/4.0"] / drawn.total() < 0.25
